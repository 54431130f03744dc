"""Import one shard of a folder of images, large ones cut to their middle; write an images table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aedr.jobs import job, progress

if TYPE_CHECKING:
    from aedr.errors import UnusableImage


def import_images(
    folder: str,
    names: Sequence[str],
    source: str,
    output: str,
    max_pixels: int,
    max_bytes: int,
    crop_to: int | None = None,
) -> None:
    """Write a row for each of the files `names` in `folder`; see `aedr.images.existing`."""
    from aedr.images.existing import describe_existing
    from aedr.tables.files import write_table

    files = progress(_read(folder, names, max_bytes), len(names), f"importing {source}")
    rows = describe_existing(files, source, max_pixels, crop_to)
    settings = {"folder": folder, "crop_to": crop_to, "max_pixels": max_pixels, "max_bytes": max_bytes}
    write_table(output, "images", rows, {"settings": settings})


def _read(folder: str, names: Sequence[str], max_bytes: int) -> "Iterator[tuple[str, bytes | UnusableImage]]":
    from aedr.errors import UnusableImage, UserError
    from aedr.images.pictures import read_image_file

    for name in names:
        try:
            yield name, read_image_file(Path(folder) / name, max_bytes)
        except UnusableImage as unusable:
            yield name, unusable
        except OSError as error:
            raise UserError(
                f"{Path(folder) / name} cannot be read ({error.strerror}). "
                "Put it back or make it readable, or run again without it."
            ) from None


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
