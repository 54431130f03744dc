"""Read one shard of images from a data set's Parquet files without changing them; write an images table."""

from collections.abc import Sequence
from pathlib import Path

from aedr.jobs import job, progress


def read_dataset(
    folder: str, names: Sequence[str], column: str, source: str, output: str, max_pixels: int, max_bytes: int
) -> None:
    """Write a row for each image in `names`, FILE/ROW in `folder`: its original bytes, or why it is unusable."""
    import itertools

    from aedr.errors import UnusableImage
    from aedr.images.datasets import read_images
    from aedr.images.pictures import describe_image
    from aedr.study.datasets import split_row
    from aedr.tables.files import write_table

    def describe(data: bytes | None, name: str) -> dict[str, object]:
        if data is None:
            raise UnusableImage("the data set has no bytes of this image")
        if len(data) > max_bytes:
            raise UnusableImage(f"the image is larger than max_bytes ({max_bytes})")
        return describe_image(data, name, max_pixels)

    def images() -> "itertools.chain[tuple[str, bytes | None]]":
        by_file = itertools.groupby(map(split_row, names), key=lambda place: place[0])
        return itertools.chain.from_iterable(
            (
                (f"{file}/{row}", data)
                for row, data in read_images(Path(folder) / file, [row for _, row in rows], column)
            )
            for file, rows in by_file
        )

    rows = []
    for name, data in progress(images(), len(names), f"reading {source}"):
        row: dict[str, object] = {"image_id": f"{source}/{name}", "source": source}
        try:
            row |= describe(data, name)
        except UnusableImage as unusable:
            row["reason"] = str(unusable)
        if row["reason"] is not None:
            print(f"{row['image_id']} is not usable: {row['reason']}")
        rows.append(row)
    settings = {"folder": folder, "column": column, "max_pixels": max_pixels, "max_bytes": max_bytes}
    write_table(output, "images", rows, {"settings": settings})


if __name__ == "__main__":
    with job(snakemake):
        read_dataset(
            folder=snakemake.params.folder,
            names=snakemake.params.names,
            column=snakemake.params.column,
            source=snakemake.wildcards.source,
            output=snakemake.output[0],
            **snakemake.params.limits,
        )
