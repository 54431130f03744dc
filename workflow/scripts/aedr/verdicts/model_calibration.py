"""The calibration of the second stage: the errors of a study's images, and which denoisers and settings they follow
from."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aedr.errors import UserError
from aedr.scoring.signals import split_images
from aedr.tables.files import read_table
from aedr.verdicts.calibration_file import MOST_BYTES, MOST_ROWS, mistakes_of
from aedr.verdicts.models import Family, families_of, mean_errors
from aedr.verdicts.promise import Promise

SCHEMA = Path(__file__).parents[3] / "schemas" / "model_calibration.schema.yaml"


def reference_rows(
    errors: pd.DataFrame, homogeneity: pd.DataFrame, family: str, levels: Sequence[float], held_out: float
) -> pd.DataFrame:
    """Return a family's rows of the table model_reference: each image's errors under each model, averaged over noises.

    Args:
        errors: rows of the denoising table.
        homogeneity: rows of the homogeneity table for the same images.
        held_out: the share of images that nothing is fitted on.
    """
    means = mean_errors(errors, levels)
    rows = pd.Series(means.to_numpy().tolist(), index=means.index, name="errors").reset_index()
    rows = rows.merge(homogeneity[["image_id", "group"]], on="image_id", how="left", validate="many_to_one")
    return rows.assign(family=family, split=split_images(rows, held_out))


def describe_models(
    errors: Mapping[str, Iterable[str]], settings: Mapping[str, Any], model_settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a calibration's description: the settings of errors, and each family's models with their denoisers'
    digests.

    Args:
        errors: each family's files of the denoising table.
        model_settings: by model, how it was loaded and asked.

    Raises:
        UserError: the files of one model were made with different weights.
    """
    families: dict[str, dict[str, Any]] = {}
    for family, files in errors.items():
        models: dict[str, Any] = {}
        for file in files:
            schema = pq.read_schema(file)
            digest = (schema.metadata or {})[b"aedr.denoiser_sha256"].decode()
            for model in set(pq.read_table(file, columns=["model"])["model"].to_pylist()):
                known = models.setdefault(model, {"denoiser_sha256": digest, "settings": model_settings[model]})
                if known["denoiser_sha256"] != digest:
                    raise UserError(
                        f"{file} was made with other weights of {model} than its other errors. Delete the folder "
                        f"{Path(file).parents[1]} and run again."
                    )
        families[family] = {model: models[model] for model in sorted(models)}
    return {"settings": dict(settings), "families": families}


def read_model_calibration(path: str | Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the description and the rows of a calibration of the second stage.

    Raises:
        UserError: the file is not one, or too large to be one.
    """
    try:
        description = json.loads((pq.read_schema(path).metadata or {})[b"aedr.models"])
        file = pq.read_metadata(path)
    except (OSError, ValueError, KeyError, RecursionError, pa.ArrowException) as error:
        raise UserError(
            f"{path} is not a calibration of the second stage ({type(error).__name__}: {error}). Make it again."
        ) from None
    size = sum(file.row_group(group).total_byte_size for group in range(file.num_row_groups))
    if file.num_rows > MOST_ROWS or size > MOST_BYTES:
        raise UserError(f"{path} is not a calibration: it claims to have {file.num_rows} rows and {size} bytes.")
    problems = mistakes_of(description, SCHEMA)
    rows = pd.DataFrame() if problems else read_table(path, "model_reference")
    if not problems:
        problems = list(_wrong_rows(description, rows))
    if problems:
        raise UserError(f"{path} is not a calibration of the second stage of this version:\n  " + "\n  ".join(problems))
    return description, rows


def _wrong_rows(description: Mapping[str, Any], rows: pd.DataFrame) -> Iterator[str]:
    """Yield what rows lack that the description says of them, a line each."""
    known = {(family, model) for family, models in description["families"].items() for model in models}
    if unknown := {pair for pair in zip(rows["family"], rows["model"], strict=True) if pair not in known}:
        yield f"rows of {' of '.join(sorted(unknown)[0][::-1])}, which it does not describe"
    levels = len(description["settings"]["levels"])
    errors = [np.asarray(values, dtype=float) for values in rows["errors"]]
    if any(len(values) != levels or not (np.isfinite(values) & (values > 0)).all() for values in errors):
        yield f"errors that are not {levels} positive numbers, one for each level"


def match_models(
    description: Mapping[str, Any],
    digests: Mapping[str, Mapping[str, str]],
    settings: Mapping[str, Any],
    model_settings: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Return, for each family here, the calibration's name of it and of each model, matched by weights and not by name.

    Args:
        digests: each family's models here, with their denoisers' digests.
        settings, model_settings: those of this run.

    Raises:
        UserError: a model's weights or settings differ from the calibration's.
    """
    known = {
        entry["denoiser_sha256"]: (family, model, entry["settings"])
        for family, models in description["families"].items()
        for model, entry in models.items()
    }
    problems = [
        f"{key} is {value} here and {description['settings'].get(key)} in the calibration; make them equal"
        for key, value in settings.items()
        if description["settings"].get(key) != value
    ]
    matches: dict[str, dict[str, Any]] = {}
    for family, models in digests.items():
        names: dict[str, str] = {}
        of: set[str] = set()
        for model, digest in models.items():
            if digest not in known:
                problems.append(
                    f"the denoiser of {model} has weights ({digest[:12]}) that the calibration was not made with; "
                    "leave it out of second_stage.models, or make the calibration with it"
                )
                continue
            found, name, expected = known[digest]
            names[model] = name
            of.add(found)
            problems += [
                f"{model}: {key} is {value} here and {expected.get(key)} in the calibration; make them equal"
                for key, value in model_settings[model].items()
                if expected.get(key) != value
            ]
        if len(of) > 1:
            problems.append(
                f"the models of {family} are of several families in the calibration: {', '.join(sorted(of))}"
            )
        elif of:
            matches[family] = {"family": of.pop(), "models": names}
    if problems:
        raise UserError("The calibration of the second stage does not fit:\n  " + "\n  ".join(problems))
    return matches


def matched_families(
    rows: pd.DataFrame, matches: Mapping[str, Mapping[str, Any]], score: str, is_closed: bool
) -> dict[str, Family]:
    """Return the calibration's families that are asked about, each with the models that are, by their names here."""
    names = {name: here for match in matches.values() for here, name in match["models"].items()}
    families = {match["family"]: here for here, match in matches.items()}
    renamed = rows[rows["family"].isin(families)]
    renamed = renamed.assign(
        family=renamed["family"].map(families),
        model=renamed["model"].map(names),
        source=renamed["source"].map(lambda source: names.get(source, source)),
    ).dropna(subset=["model"])
    models = {here: list(match["models"]) for here, match in matches.items()}
    return families_of(renamed, models, score, is_closed)


def check_families(families: Mapping[str, Family], promise: Promise) -> None:
    """Check that every model has enough held-out images for verdicts that keep a promise.

    Raises:
        UserError: one line for each that has not.
    """
    problems = [
        f"{model} has {len(own)} held-out images, but level {promise} needs {promise.fewest_images}"
        for family in families.values()
        for model, own in family.reference(promise).own.items()
        if len(own) < promise.fewest_images
    ]
    if problems:
        raise UserError(
            "The second stage cannot decide:\n  "
            + "\n  ".join(problems)
            + "\nRaise images_per_source or attribution.verdict_level, or leave models out of second_stage.models."
        )
