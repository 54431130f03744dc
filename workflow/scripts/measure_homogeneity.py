"""Measure the homogeneity of one shard of a source; read an images table, write a homogeneity table."""

from collections.abc import Mapping

from aedr.jobs import job, progress


def measure_homogeneity(images: str, output: str, grouping: Mapping[str, str]) -> None:
    """Write the homogeneity of every image of the table `images`, or the reason why it has none, and its group.

    Groups are not in the images table: when they change, no image must be reconstructed again. `grouping` is what
    `aedr.study.plan.grouping` returns.
    """
    from importlib.metadata import version

    from aedr.errors import UnusableImage
    from aedr.images.grouping import group_of
    from aedr.images.homogeneity import homogeneity, read_grey
    from aedr.tables.files import read_table, write_table

    table = read_table(images, "images")
    rows = []
    for image in progress(table.itertuples(), len(table), "measuring homogeneity"):
        row = {"image_id": image.image_id, "source": image.source, "group": group_of(image.image_id, **grouping)}
        row |= {"homogeneity": None, "reason": None}
        try:
            if isinstance(image.reason, str):
                raise UnusableImage(image.reason)
            row["homogeneity"] = homogeneity(read_grey(image.image["bytes"]))
        except UnusableImage as unusable:
            row["reason"] = str(unusable)
        rows.append(row)
    versions = {package: version(package) for package in ("scikit-image", "opencv-python-headless")}
    write_table(output, "homogeneity", rows, {"settings": grouping, **versions})


if __name__ == "__main__":
    with job(snakemake):
        measure_homogeneity(snakemake.input[0], snakemake.output[0], snakemake.params.grouping)
