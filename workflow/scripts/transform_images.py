"""Damage one shard of a source's images with one transform; read an images table, write another."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job, progress


def transform_images(
    images: str, output: str, transform: str, steps: Sequence[Mapping[str, Any]], study_seed: int, max_pixels: int
) -> None:
    """Write every image of the table `images` after `steps`, or the reason why it is unusable after them.

    Ids, sources, prompts and seeds stay those of the originals, so that rows can be joined and stay in the same part of
    the study.
    """
    import PIL

    from aedr.errors import UnusableImage
    from aedr.images.pictures import describe_image
    from aedr.robustness.transforms import transform_image
    from aedr.seeds import seed_of
    from aedr.tables.files import read_table, write_table

    table = read_table(images, "images").assign(transform=transform).astype(object)
    rows = table.where(table.notna(), None).to_dict("records")
    for row in progress(rows, len(rows), f"applying {transform}"):
        if row["image"] is None:
            continue
        seed = seed_of(study_seed, transform, row["image_id"])
        try:
            damaged = transform_image(row["image"]["bytes"], steps, seed, max_pixels)
            row |= describe_image(damaged, row["image"]["path"], max_pixels)
        except UnusableImage as unusable:
            row |= {"width": None, "height": None, "format": None, "sha256": None, "image": None}
            row["reason"] = str(unusable)
            print(f"{row['image_id']} is not usable after {transform}: {unusable}")
    settings = {"steps": steps, "max_pixels": max_pixels}
    write_table(output, "images", rows, {"settings": settings, "pillow": PIL.__version__})


if __name__ == "__main__":
    with job(snakemake):
        transform_images(
            images=snakemake.input[0],
            output=snakemake.output[0],
            transform=snakemake.wildcards.transform,
            steps=snakemake.params.steps,
            study_seed=snakemake.params.study_seed,
            max_pixels=snakemake.params.limits["max_pixels"],
        )
