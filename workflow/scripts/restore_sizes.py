"""Bring query images back to the sizes that they may have had before a resize; write images and histories tables."""

from pathlib import Path

from aedr.jobs import job, progress


def restore_sizes(
    images: str,
    histories: str,
    calibration: str,
    families: str,
    images_output: str,
    histories_output: str,
    max_pixels: int,
) -> None:
    """Write each usable image once for every size that it may have had, with its history.

    If its pixels show an enlargement, that is the size before. Otherwise these are the sizes, of those that own images
    of the asked families have, that it may have been resized from. `families` is the file that `check_calibration`
    writes.
    """
    import json

    from aedr.images.pictures import decode_image, describe_image, encode_png
    from aedr.observations.history import History, describe
    from aedr.study.sources import RESTORED, restored_id
    from aedr.tables.files import read_table, write_table
    from aedr.verdicts.calibration_file import read_calibration
    from aedr.verdicts.resizes import copies

    asked = json.loads(Path(families).read_text(encoding="utf-8"))
    common = {size for sizes in read_calibration(calibration).asking(asked).sizes.values() for size in sizes}
    table = read_table(images, "images").merge(
        read_table(histories, "histories")[["image_id", "history"]], on="image_id", validate="one_to_one"
    )
    table = table[table["reason"].isna()]
    rows: list[dict[str, object]] = []
    read: list[dict[str, object]] = []
    for image in progress(table.itertuples(), len(table), "looking for resizes"):
        data, name = image.image["bytes"], image.image["path"]
        pixels = decode_image(data, upright=False)
        for copy in copies(data, pixels, History.from_json(image.history), common):
            height, width = copy.pixels.shape[:2]
            key = {"image_id": restored_id(image.image_id, width, height), "source": RESTORED}
            rows.append(key | describe_image(encode_png(copy.pixels), name, max_pixels))
            read.append(
                {
                    **key,
                    "history": copy.history.to_json(),
                    "history_in_words": describe(copy.history),
                    "stored": copy.stored and {"bytes": copy.stored, "path": name},
                    "reason": None,
                }
            )
    settings = {"settings": {"max_pixels": max_pixels}}
    write_table(images_output, "images", rows, settings)
    write_table(histories_output, "histories", read, settings)


if __name__ == "__main__":
    with job(snakemake):
        restore_sizes(
            images=snakemake.input.images,
            histories=snakemake.input.histories,
            calibration=snakemake.input.calibration,
            families=snakemake.input.families,
            images_output=snakemake.output.images,
            histories_output=snakemake.output.histories,
            max_pixels=snakemake.params.limits["max_pixels"],
        )
