"""Read what one shard of a source's images went through; read an images table, write a histories table."""

from aedr.jobs import job, progress


def read_histories(images: str, output: str, refined_images: int | None) -> None:
    """Write the history of the usable images of the table `images`, from its file and its pixels.

    Those beyond the first `refined_images`, which no metric needs, have a reason instead; None reads all.
    """
    from importlib.metadata import version

    from aedr.images.pictures import decode_image
    from aedr.observations.history import describe, read_history
    from aedr.tables.files import read_table, write_table

    table = read_table(images, "images")
    rows = []
    needed = len(table) if refined_images is None else refined_images
    for number, image in enumerate(progress(table.itertuples(), len(table), "reading histories")):
        row = {
            "image_id": image.image_id,
            "source": image.source,
            "history": None,
            "history_in_words": None,
            "stored": None,
        }
        if isinstance(image.reason, str):
            rows.append(row | {"reason": image.reason})
            continue
        if number >= needed:
            rows.append(row | {"reason": "not read: beyond reconstruction.refined_images"})
            continue
        data = image.image["bytes"]
        history = read_history(data, image.format, decode_image(data, upright=False))
        rows.append(row | {"history": history.to_json(), "history_in_words": describe(history), "reason": None})
    versions = {package: version(package) for package in ("jpeglib", "pillow", "scipy")}
    write_table(output, "histories", rows, versions)


if __name__ == "__main__":
    with job(snakemake):
        read_histories(snakemake.input[0], snakemake.output[0], snakemake.params.refined_images)
