"""Give every query image a verdict; read the images' losses and a calibration, write tables and a page."""

from collections.abc import Sequence
from pathlib import Path

from aedr.jobs import job


def attribute_images(
    calibration: str,
    families: str,
    losses: Sequence[str],
    homogeneity: Sequence[str],
    images: Sequence[str],
    parquet: str,
    csv: str,
    page: str,
    level: float,
) -> None:
    """Write a verdict for each image as Parquet and CSV, and a page with the images.

    `families` is the file that `check_calibration` writes; `level` is the significance level of verdicts.
    """
    import json

    from aedr.pages.verdicts import verdict_page
    from aedr.tables.files import read_tables, write_table
    from aedr.verdicts.attribution import attribute, flatten
    from aedr.verdicts.calibration_file import read_calibration

    asked = json.loads(Path(families).read_text(encoding="utf-8"))
    carried = read_calibration(calibration).asking(asked)
    pictures = read_tables(images, "images")
    verdicts = attribute(
        pictures, read_tables(losses, "losses"), read_tables(homogeneity, "homogeneity"), carried, level
    )
    write_table(parquet, "verdicts", verdicts, {"settings": {"level": level, "calibration": calibration}})
    flatten(verdicts).to_csv(csv, index=False, float_format="%.4f")
    Path(page).write_text(verdict_page(verdicts, pictures, carried, level), encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        attribute_images(
            calibration=snakemake.input.calibration,
            families=snakemake.input.families,
            losses=snakemake.input.losses,
            homogeneity=snakemake.input.homogeneity,
            images=snakemake.input.images,
            parquet=snakemake.output.parquet,
            csv=snakemake.output.csv,
            page=snakemake.output.page,
            level=snakemake.params.level,
        )
