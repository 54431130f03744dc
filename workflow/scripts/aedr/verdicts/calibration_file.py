"""The file of a calibration: what a study writes to it, and what is checked before it is used."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from aedr.errors import UserError
from aedr.scoring.signals import FITTED_SIGNALS, HELD_OUT
from aedr.seeds import seed_of
from aedr.study.plain_values import impossible_values
from aedr.tables.files import read_table
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import REAL
from aedr.verdicts.promise import Promise

SCHEMA = Path(__file__).parents[3] / "schemas" / "calibration.schema.yaml"
# Calibrations may come from strangers, and a small file can unpack to any size. A million reference images of thirty
# autoencoders would be thirty million rows of 76 bytes.
MOST_ROWS = 30_000_000
MOST_BYTES = 2_500_000_000
IDENTITY = ("encoder_sha256", "decoder_sha256")
# More images of a source that is neither own nor real make no p-value much finer.
MOST_FOREIGN_IMAGES = 1000


def reference_rows(signals: pd.DataFrame, metric: str, signal: str, real_sources: Sequence[str]) -> pd.DataFrame:
    """Return the reference table of one metric: the images of the study under one autoencoder or several.

    Args:
        signals: rows of the signals table. If the signal is a fitted one, the own images that it was fitted on are left
            out: a new image could not be ranked among them fairly. Of sources that are neither own nor real, at most
            `MOST_FOREIGN_IMAGES` images are taken, by the order of their hashes.
    """
    rows = signals[signals["metric"] == metric]
    fitted_on = rows["belonging"] & (rows["split"] != HELD_OUT) & (signal in FITTED_SIGNALS)
    is_foreign = ~rows["belonging"] & ~rows["source"].isin(real_sources)
    foreign = rows[is_foreign].drop_duplicates("image_id")
    order = foreign["image_id"].map(lambda image_id: seed_of("reference", image_id))
    too_many = foreign["image_id"][order.groupby(foreign["source"]).rank() > MOST_FOREIGN_IMAGES]
    rows = rows[~fitted_on & ~(is_foreign & rows["image_id"].isin(too_many))].dropna(subset=[signal])
    columns = ["autoencoder", "image_id", "metric", "source", "group", "belonging", "homogeneity", "width", "height"]
    # Losses, because other studies' calibrations may be merged with this one, which have other fitted parameters.
    columns += ["first_loss", "second_loss"]
    return rows[columns].assign(value=rows[signal])


def describe_calibration(
    autoencoders: pd.DataFrame,
    fitted_parameters: pd.DataFrame,
    metrics: Sequence[str],
    signal: str,
    real_sources: Sequence[str],
    preprocessing: Mapping[str, Mapping[str, Any]],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """Return a calibration's description: metrics, signal, versions, and the weights and settings of each family.

    Args:
        metrics: the metric, and a second one that must not contradict it, if there is one.
        autoencoders: rows of the autoencoders table.
        fitted_parameters: rows of the fitted parameters table.
        real_sources: the image sets of real images.
        preprocessing: how each autoencoder is loaded and its images are read.
    """
    fitted = fitted_parameters.set_index(["metric", "autoencoder"])
    families = {}
    for family, rows in autoencoders.groupby("family", sort=False):
        first = rows.iloc[0]
        families[family] = {
            "members": rows["autoencoder"].tolist(),
            **{key: first[key] for key in IDENTITY},
            "factor": int(first["factor"]),
            "repositories": [origin for origin in rows["repository"] if isinstance(origin, str)],
            "revisions": [revision for revision in rows["revision"] if isinstance(revision, str)],
            "preprocessing": dict(preprocessing[str(family)]),
            "fitted": {
                metric: {
                    key: float(fitted.loc[(metric, family), key]) for key in ("exponent", "slope", "intercept", "cap")
                }
                for metric in metrics
            },
        }
    return {
        "metric": metrics[0],
        "second_metric": metrics[1] if len(metrics) > 1 else None,
        "signal": signal,
        "real_sources": list(real_sources),
        "versions": dict(versions),
        "families": families,
    }


def read_calibration(path: str | Path) -> Calibration:
    """Return the calibration in a file, asked about all of its families under its own names.

    Raises:
        UserError: the file is not a calibration, or too large to be one.
    """
    try:
        description = json.loads((pq.read_schema(path).metadata or {})[b"aedr.calibration"])
        file = pq.read_metadata(path)
    except (OSError, ValueError, KeyError, RecursionError, pa.ArrowException) as error:
        raise UserError(f"{path} is not a calibration ({type(error).__name__}: {error}). Export it again.") from None
    size = sum(file.row_group(group).total_byte_size for group in range(file.num_row_groups))
    if file.num_rows > MOST_ROWS or size > MOST_BYTES:
        raise UserError(f"{path} is not a calibration: it claims to have {file.num_rows} rows and {size} bytes.")
    problems = _mistakes(description)
    rows = pd.DataFrame() if problems else read_table(path, "reference")
    if not problems and (unknown := set(rows["autoencoder"]) - set(description["families"])):
        problems.append(f"rows of {', '.join(sorted(unknown))}, which it does not describe")
    if problems:
        raise UserError(f"{path} is not a calibration of this version:\n  " + "\n  ".join(problems))
    return Calibration(description, rows, {name: name for name in description["families"]})


def _mistakes(description: Any) -> list[str]:
    """Return what is wrong with a description, a line each."""
    if problems := mistakes_of(description, SCHEMA):
        return problems
    metrics = {description["metric"], description["second_metric"]} - {None}
    return [
        f"families.{name}.fitted: nothing for {metric}"
        for name, family in description["families"].items()
        for metric in sorted(metrics - set(family["fitted"]))
    ]


def mistakes_of(description: Any, schema_file: Path) -> list[str]:
    """Return what is wrong with a description by its JSON Schema, a YAML file, a line each."""
    if not isinstance(description, dict):
        return ["its description is not a mapping"]
    schema = yaml.safe_load(schema_file.read_text(encoding="utf-8"))
    errors = jsonschema.Draft7Validator(schema).iter_errors(description)
    lines = (f"{'.'.join(str(part) for part in error.absolute_path)}: {error.message:.200}" for error in errors)
    return list(impossible_values(description)) or sorted(lines)


def match_families(
    calibration: Calibration, autoencoders: pd.DataFrame, preprocessing: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return the calibration's family for each family of `autoencoders`, matched by weights and not by name.

    Raises:
        UserError: an autoencoder's weights or settings differ from the calibration's.
    """
    families = calibration.families
    known = {tuple(entry[key] for key in IDENTITY): name for name, entry in families.items()}
    matches, problems = {}, []
    for row in autoencoders.drop_duplicates("family").itertuples():
        name = known.get((row.encoder_sha256, row.decoder_sha256))
        if name is None:
            problems.append(
                f"{row.family} has weights (decoder {row.decoder_sha256[:12]}) that the calibration was not made with; "
                f"its autoencoders are {', '.join(families)}. Leave {row.family} out with select, or calibrate it"
            )
            continue
        expected, found = families[name]["preprocessing"], dict(preprocessing[row.family])
        problems += [
            f"{row.family}: {key} is {found.get(key)} here and {expected.get(key)} in the calibration; make them equal"
            for key in sorted(set(expected) | set(found))
            if expected.get(key) != found.get(key)
        ]
        matches[str(row.family)] = name
    if problems:
        raise UserError("The calibration does not fit:\n  " + "\n  ".join(problems))
    return matches


def check_reference(calibration: Calibration, metrics: Sequence[str], promise: Promise) -> None:
    """Check that the families asked have enough reference images for verdicts that keep a promise.

    Args:
        metrics: those that are measured.

    Raises:
        UserError: too few reference images for the promise, or the calibration's metric is not measured.
    """
    problems = [
        f"reconstruction.metrics lacks {metric}, a metric of the calibration"
        for metric in calibration.metrics
        if metric not in metrics
    ]
    needed, reference = promise.fewest_images, calibration.reference(promise)
    problems += [
        f"{family} has {len(own)} own reference images, but level {promise} needs {needed}"
        for family, own in reference.own.items()
        if len(own) < needed
    ]
    if REAL in reference.others and len(reference.others[REAL]) < needed:
        problems.append(
            f"there are {len(reference.others[REAL])} real reference images, but level {promise} needs {needed}"
        )
    if problems:
        raise UserError(
            "The calibration cannot decide:\n  "
            + "\n  ".join(problems)
            + "\nRaise images_per_source in the study, or attribution.verdict_level here."
        )
