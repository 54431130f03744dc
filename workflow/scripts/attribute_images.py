"""Give every query image a verdict; read the images' losses and a calibration, write tables and a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aedr.jobs import job, warn


def attribute_images(
    calibration: str,
    families: str,
    losses: Sequence[str],
    homogeneity: Sequence[str],
    histories: Sequence[str],
    images: Sequence[str],
    claims: Sequence[str],
    autoencoders: str,
    parquet: str,
    csv: str,
    page: str,
    level: float,
    confidence: float | None,
    model_names: Mapping[str, Sequence[str]],
) -> None:
    """Write a verdict for each image as Parquet and CSV, and a page with the images.

    `families` is the file that `check_calibration` writes; `level` and `confidence` are what verdicts
    promise (`aedr.verdicts.promise.Promise`). `model_names` has what each autoencoder's models are called, which
    claims are compared with.
    """
    import json

    from aedr.pages.verdicts import verdict_page
    from aedr.tables.files import read_table, read_tables, write_table
    from aedr.verdicts.agreement import add_claims
    from aedr.verdicts.attribution import attribute, flatten
    from aedr.verdicts.calibration_file import read_calibration
    from aedr.verdicts.promise import Promise

    asked = json.loads(Path(families).read_text(encoding="utf-8"))
    carried = read_calibration(calibration).asking(asked)
    reference = carried.reference(Promise(level, confidence))
    for warning in reference.warnings:
        warn(warning)
    pictures = read_tables(images, "images")
    verdicts = attribute(
        pictures,
        read_tables(losses, "losses"),
        read_tables(homogeneity, "homogeneity"),
        carried,
        reference,
        read_tables(histories, "histories"),
    )
    family_here = read_table(autoencoders, "autoencoders").set_index("autoencoder")["family"]
    verdicts = add_claims(verdicts, read_tables(claims, "claims"), model_names, family_here.map(asked).to_dict())
    settings = {"level": level, "confidence": confidence, "calibration": calibration}
    write_table(parquet, "verdicts", verdicts, {"settings": settings, "warnings": list(reference.warnings)})
    flatten(verdicts).to_csv(csv, index=False, float_format="%.4f")
    Path(page).write_text(verdict_page(verdicts, pictures, carried, reference), encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        attribute_images(
            calibration=snakemake.input.calibration,
            families=snakemake.input.families,
            losses=snakemake.input.losses,
            homogeneity=snakemake.input.homogeneity,
            histories=snakemake.input.histories,
            images=snakemake.input.images,
            claims=snakemake.input.claims,
            autoencoders=snakemake.input.autoencoders,
            parquet=snakemake.output.parquet,
            csv=snakemake.output.csv,
            page=snakemake.output.page,
            level=snakemake.params.level,
            confidence=snakemake.params.confidence,
            model_names=snakemake.params.model_names,
        )
