"""The report's section on models that share an autoencoder."""

from typing import Any

import pandas as pd

from aedr.verdicts.model_accuracy import NAMED, VERDICT
from aedr.verdicts.models import CANNOT_SAY_WHICH, NO_MODEL


def describe_models(confusion: pd.DataFrame, costs: pd.DataFrame, is_closed: bool) -> dict[str, Any]:
    """Return what is said of images of models that were left out of the study, and what both stages cost.

    Args:
        confusion: the confusion table.
        costs: the table stage_costs.
        is_closed: as in `aedr.verdicts.models.Family`.
    """
    left_out = confusion[(confusion["protocol"] == VERDICT) & (confusion["left_out"] != "")]
    answers = (NAMED, NO_MODEL, CANNOT_SAY_WHICH)
    kinds = left_out["answer"].where(left_out["answer"].isin(answers), NAMED)
    shares = left_out.assign(answer=kinds).groupby(["left_out", "answer"], sort=False)["share"].sum()
    return {
        "is_closed": is_closed,
        "answers": answers,
        "left_out": [
            {"model": model, "shares": [float(shares.get((model, answer), 0.0)) for answer in answers]}
            for model in dict.fromkeys(left_out["left_out"])
        ],
        "costs": costs.to_dict("records"),
    }
