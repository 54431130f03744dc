"""Import one shard of a folder of images, large ones cut to their middle; write an images table."""

from collections.abc import Sequence
from pathlib import Path

from aedr.jobs import job, progress, warn


def import_images(
    folder: str,
    names: Sequence[str],
    source: str,
    output: str,
    max_pixels: int,
    max_bytes: int,
    crop_to: int | None = None,
) -> None:
    """Write a row for each of the files `names` in `folder`: its bytes, or the reason why it is unusable.

    The bytes are the original ones, or those of the middle of an image with a side of more than `crop_to` pixels; the
    hash is always that of the file.
    """
    from aedr.errors import UnusableImage, UserError
    from aedr.images.cropping import middle_of
    from aedr.images.pictures import describe_image, read_image_file
    from aedr.tables.files import write_table

    rows = []
    cut = 0
    for name in progress(names, len(names), f"importing {source}"):
        row: dict[str, object] = {"image_id": f"{source}/{name}", "source": source}
        try:
            data = read_image_file(Path(folder) / name, max_bytes)
            row |= describe_image(data, name, max_pixels)
            if crop_to and row["reason"] is None and (middle := middle_of(data, crop_to)):
                row |= describe_image(middle, name) | {"sha256": row["sha256"]}
                cut += 1
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
            warn(f"{row['image_id']} is not used: {row['reason']}")
    if cut:
        warn(
            f"{source}: of {cut} of {len(names)} images only the middle is used, since they are larger than crop_to "
            f"({crop_to})"
        )
    settings = {"folder": folder, "crop_to": crop_to, "max_pixels": max_pixels, "max_bytes": max_bytes}
    write_table(output, "images", rows, {"settings": settings})


if __name__ == "__main__":
    with job(snakemake):
        import_images(
            folder=snakemake.params.folder,
            names=snakemake.params.names,
            source=snakemake.wildcards.source,
            output=snakemake.output[0],
            crop_to=snakemake.params.crop_to,
            **snakemake.params.limits,
        )
