"""Import one shard of a folder of images without changing them; write an images table."""

from collections.abc import Sequence
from pathlib import Path

from aedr.jobs import job, progress


def import_images(folder: str, names: Sequence[str], source: str, output: str, max_pixels: int, max_bytes: int) -> None:
    """Write a row for each of the files `names` in `folder`: its original bytes, or the reason why it is unusable."""
    from aedr.errors import UnusableImage, UserError
    from aedr.images.pictures import describe_image, read_image_file
    from aedr.tables.files import write_table

    rows = []
    for name in progress(names, len(names), f"importing {source}"):
        row: dict[str, object] = {"image_id": f"{source}/{name}", "source": source}
        try:
            row |= describe_image(read_image_file(Path(folder) / name, max_bytes), name, max_pixels)
        except UnusableImage as unusable:
            row["reason"] = str(unusable)
        except OSError as error:
            raise UserError(
                f"{Path(folder) / name} cannot be read ({error.strerror}). "
                "Put it back or make it readable, or run again without it."
            ) from None
        rows.append(row)
    for row in rows:
        if row["reason"] is not None:
            print(f"{row['image_id']} is not usable: {row['reason']}")
    settings = {"folder": folder, "max_pixels": max_pixels, "max_bytes": max_bytes}
    write_table(output, "images", rows, {"settings": settings})


if __name__ == "__main__":
    with job(snakemake):
        import_images(
            folder=snakemake.params.folder,
            names=snakemake.params.names,
            source=snakemake.wildcards.source,
            output=snakemake.output[0],
            **snakemake.params.limits,
        )
