"""Give every query image a verdict; read the images' losses and a calibration, write tables, documents and a page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aedr.jobs import job, warn

if TYPE_CHECKING:
    import pandas as pd

    from aedr.pages.thumbnails import Thumbnail
    from aedr.verdicts.promise import Promise


def attribute_images(
    calibration: str,
    families: str,
    losses: Sequence[str],
    homogeneity: Sequence[str],
    histories: Sequence[str],
    images: Sequence[str],
    claims: Sequence[str],
    autoencoders: str,
    second_stage: Mapping[str, Any] | None,
    parquet: str,
    csv: str,
    documents: str,
    page: str,
    level: float,
    confidence: float | None,
    model_names: Mapping[str, Sequence[str]],
    software: Mapping[str, str],
) -> None:
    """Write a verdict for each image as Parquet and CSV, as a document a line, and a page with the images.

    `families` is the file that `check_calibration` writes; `level` and `confidence` are what verdicts
    promise (`aedr.verdicts.promise.Promise`). `second_stage` has, if there is one: `calibration` and `matches`, its
    calibration's file and the one that `check_second_stage` writes; `decided`, the first stage's verdicts; `errors`,
    files of the query's errors; `score` and `is_closed`, how images are compared. `model_names` has what each
    autoencoder's models are called, which claims are compared with; `software` is what decides, with its versions.
    """
    import hashlib

    from aedr.pages.verdicts import verdict_page
    from aedr.tables.files import read_table, read_tables, write_table
    from aedr.verdicts.agreement import add_claims
    from aedr.verdicts.attribution import attribute, flatten
    from aedr.verdicts.calibration_file import read_calibration
    from aedr.verdicts.documents import verdict_documents
    from aedr.verdicts.promise import Promise

    asked = json.loads(Path(families).read_text(encoding="utf-8"))
    carried = read_calibration(calibration).asking(asked)
    promise = Promise(level, confidence)
    reference = carried.reference(promise)
    for warning in reference.warnings:
        warn(warning)
    queried, thumbnails = _read_images(images)
    if second_stage is None:
        verdicts = attribute(
            queried,
            read_tables(losses, "losses"),
            read_tables(homogeneity, "homogeneity"),
            carried,
            reference,
            read_tables(histories, "histories"),
        )
    else:
        verdicts = _by_both_stages(asked, promise, **second_stage)
    family_here = read_table(autoencoders, "autoencoders").set_index("autoencoder")["family"]
    verdicts = add_claims(verdicts, read_tables(claims, "claims"), model_names, family_here.map(asked).to_dict())
    settings = {"level": level, "confidence": confidence, "calibration": calibration}
    write_table(parquet, "verdicts", verdicts, {"settings": settings, "warnings": list(reference.warnings)})
    flatten(verdicts).to_csv(csv, index=False, float_format="%.4f")
    with open(calibration, "rb") as file:
        calibration_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    described = verdict_documents(verdicts, carried, promise, calibration_sha256, software, Path(page).name)
    # Without line ends, or what some programs take for them, inside a document.
    lines = (json.dumps(document, allow_nan=False) + "\n" for document in described)
    Path(documents).write_text("".join(lines), encoding="ascii")
    tables = {"CSV": Path(csv).name, "Parquet": Path(parquet).name, "JSON Lines": Path(documents).name}
    html = verdict_page(described, thumbnails, carried, reference, tables)
    Path(page).write_text(html, encoding="utf-8")


def _by_both_stages(
    asked: Mapping[str, str],
    promise: "Promise",
    calibration: str,
    matches: str,
    decided: str,
    errors: Sequence[str],
    score: str,
    is_closed: bool,
) -> "pd.DataFrame":
    """Return the first stage's verdicts with the second's; see `attribute_images`."""
    from aedr.tables.files import read_table, read_tables
    from aedr.tables.schemas import DECIDED, WHY
    from aedr.verdicts.model_attribution import add_models
    from aedr.verdicts.model_calibration import matched_families, read_model_calibration

    description, rows = read_model_calibration(calibration)
    families = matched_families(rows, json.loads(Path(matches).read_text(encoding="utf-8")), score, is_closed)
    first = read_table(decided, "verdicts")[[*DECIDED, *WHY]]
    levels = description["settings"]["levels"]
    return add_models(first, read_tables(errors, "denoising"), families, asked, levels, promise)


def _read_images(paths: Sequence[str]) -> "tuple[pd.DataFrame, dict[str, Thumbnail]]":
    """Return the images tables without the images, and thumbnails of these; one file is in memory at a time."""
    import pandas as pd
    import pyarrow.parquet as pq

    from aedr.pages.thumbnails import thumbnails_of
    from aedr.pages.verdicts import thumbnail_side
    from aedr.tables.files import read_table

    side = thumbnail_side(sum(pq.read_metadata(path).num_rows for path in paths))
    thumbnails: dict[str, Thumbnail] = {}
    tables = []
    for path in paths:
        table = read_table(path, "images")
        thumbnails |= thumbnails_of(table, side)
        tables.append(table.drop(columns="image"))
    return pd.concat(tables, ignore_index=True), thumbnails


if __name__ == "__main__":
    from importlib.metadata import version

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
            second_stage=snakemake.params.second_stage,
            parquet=snakemake.output.parquet,
            csv=snakemake.output.csv,
            documents=snakemake.output.documents,
            page=snakemake.output.page,
            level=snakemake.params.level,
            confidence=snakemake.params.confidence,
            model_names=snakemake.params.model_names,
            software={"aedr": snakemake.params.code}
            | {package: version(package) for package in ("numpy", "scipy", "pandas", "pyarrow")},
        )
