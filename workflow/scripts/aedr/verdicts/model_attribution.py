"""The second stage of an attribution: from the errors of new images to which model of their family made them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from aedr.observations.history import UNTOUCHED
from aedr.study.sources import original_id
from aedr.verdicts.decision import Evidence, Reference, Verdict
from aedr.verdicts.models import CANNOT_SAY_WHICH, Family, decide_model, mean_errors
from aedr.verdicts.promise import Promise


def add_models(
    verdicts: pd.DataFrame,
    errors: pd.DataFrame,
    families: Mapping[str, Family],
    names: Mapping[str, str],
    levels: list[float],
    promise: Promise,
) -> pd.DataFrame:
    """Return the verdicts table with the second stage's answer for each image that the first gives to one of
    `families`.

    Args:
        verdicts: rows of the verdicts table.
        errors: rows of the denoising table for these images, or for their copies at other sizes.
        families: those with several models, with the images of the study, by their names here.
        names: the name of each of them in `verdicts`.
        levels: the noise levels, in their order.
        promise: what the answers keep.
    """
    here = {names[family]: family for family in families}
    references = {family: found.reference(promise) for family, found in families.items()}
    of_image = dict(list(errors.groupby(errors["image_id"].map(original_id))))
    answers: list[dict[str, Any]] = []
    for row in verdicts.itertuples():
        named = list(row.autoencoders)
        family = here.get(named[0]) if len(named) == 1 else None
        if family is None or row.image_id not in of_image:
            answers.append({"model_verdict": None, "models": None, "model_reason": None, "model_evidence": None})
            continue
        measured = of_image[row.image_id]
        verdict = _decide(measured, families[family], references[family], levels, row.history_in_words)
        answers.append(
            {
                "model_verdict": verdict.verdict,
                "models": list(verdict.autoencoders),
                "model_reason": verdict.reason,
                "model_evidence": [_row(evidence) for evidence in verdict.evidence],
            }
        )
    return verdicts.join(pd.DataFrame(answers, index=verdicts.index, dtype=object))


def _decide(
    measured: pd.DataFrame, family: Family, reference: Reference, levels: list[float], history: str | None
) -> Verdict:
    means = mean_errors(measured, levels)
    if set(means.index.get_level_values("model")) != set(family.models):
        reason = next(iter(measured["reason"].dropna()), "not every model was asked about it")
        return Verdict(CANNOT_SAY_WHICH, (), reason, ())
    values = family.signals(means.droplevel([0, 1]).loc[list(family.models)].to_numpy()[None])[0]
    obstacle = None
    if history is not None and history != UNTOUCHED:
        obstacle = f"it is {history}, and denoisers may know their models' own images less well then"
    return decide_model(reference, dict(zip(family.models, values.tolist(), strict=True)), obstacle)


def _row(evidence: Evidence) -> dict[str, Any]:
    source, p_value = evidence.nearest_foreign or (None, None)
    return {
        "model": evidence.autoencoder,
        "signal": evidence.signal,
        "p_value": evidence.p_value,
        "foreign_p_value": p_value,
        "foreign_source": source,
    }
