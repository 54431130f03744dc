"""Import one shard of a folder of images, large ones cut to their middle; write an images table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aedr.jobs import job, progress, warn

if TYPE_CHECKING:
    from aedr.errors import UnusableImage

# Of the files that are passed over, in one line of the terminal.
SHOWN = 10


def import_images(
    folder: str,
    names: Sequence[str],
    source: str,
    output: str,
    max_pixels: int,
    max_bytes: int,
    crop_to: int | None = None,
    with_parts: bool = False,
    is_first: bool = False,
) -> None:
    """Write a row for each of the files `names` in `folder`; see `aedr.images.existing`.

    The table of a study's first shard also records, and warns of, the files that no shard takes.
    """
    from aedr.images.existing import describe_existing
    from aedr.study.image_files import passed_over
    from aedr.tables.files import write_table

    not_taken = passed_over(folder) if is_first and not with_parts else []
    if not_taken:
        shown = ", ".join(not_taken[:SHOWN]) + (", ..." if len(not_taken) > SHOWN else "")
        warn(f"{source}: {len(not_taken)} files in {folder} are not taken for images, by their names: {shown}")
    files = progress(_read(folder, names, max_bytes), len(names), f"importing {source}")
    rows = describe_existing(files, source, max_pixels, crop_to, with_parts)
    settings = {"folder": folder, "crop_to": crop_to, "max_pixels": max_pixels, "max_bytes": max_bytes}
    write_table(output, "images", rows, {"settings": settings | ({"passed_over": not_taken} if not_taken else {})})


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
            with_parts=snakemake.params.with_parts,
            is_first=int(snakemake.wildcards.shard) == 0,
            **snakemake.params.limits,
        )
