"""Read one shard of images from a data set's Parquet files, large ones cut to their middle; write an images table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aedr.jobs import job, progress

if TYPE_CHECKING:
    from aedr.errors import UnusableImage


def read_dataset(
    folder: str,
    names: Sequence[str],
    column: str,
    source: str,
    output: str,
    max_pixels: int,
    max_bytes: int,
    crop_to: int | None = None,
) -> None:
    """Write a row for each image in `names`, FILE/ROW in `folder`; see `aedr.images.existing`."""
    from aedr.images.existing import describe_existing
    from aedr.tables.files import write_table

    images = progress(_read(folder, names, column, max_bytes), len(names), f"reading {source}")
    rows = describe_existing(images, source, max_pixels, crop_to)
    settings = {"folder": folder, "column": column, "crop_to": crop_to}
    settings |= {"max_pixels": max_pixels, "max_bytes": max_bytes}
    write_table(output, "images", rows, {"settings": settings})


def _read(
    folder: str, names: Sequence[str], column: str, max_bytes: int
) -> "Iterator[tuple[str, bytes | UnusableImage]]":
    import itertools

    from aedr.errors import UnusableImage
    from aedr.images.datasets import read_images
    from aedr.study.datasets import split_row

    for file, places in itertools.groupby(map(split_row, names), key=lambda place: place[0]):
        for row, data in read_images(Path(folder) / file, [row for _, row in places], column):
            name = f"{file}/{row}"
            if data is None:
                yield name, UnusableImage("the data set has no bytes of this image")
            elif len(data) > max_bytes:
                yield name, UnusableImage(f"the image is larger than max_bytes ({max_bytes})")
            else:
                yield name, data


if __name__ == "__main__":
    with job(snakemake):
        read_dataset(
            folder=snakemake.params.folder,
            names=snakemake.params.names,
            column=snakemake.params.column,
            source=snakemake.wildcards.source,
            output=snakemake.output[0],
            crop_to=snakemake.params.crop_to,
            **snakemake.params.limits,
        )
