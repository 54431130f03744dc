"""The report's errors: own images that an autoencoder rejected, and other images that it accepted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aedr.pages.thumbnails import Thumbnail
from aedr.scoring.protocols import PROTOCOLS

MOST_ERRORS = 12


@dataclass(frozen=True)
class Errors:
    """One autoencoder's errors on held-out images.

    `accepted` and `rejected` are rows of the signals table, the `MOST_ERRORS` furthest from the threshold;
    `accepted_count` and `rejected_count` are the numbers of all. `others` and `own` are the numbers of images scored.
    """

    family: str
    threshold: float
    accepted: pd.DataFrame
    accepted_count: int
    others: int
    rejected: pd.DataFrame
    rejected_count: int
    own: int


def find_errors(signals: pd.DataFrame, thresholds: pd.DataFrame, family: str, metric: str, signal: str) -> Errors:
    """Return the errors of a family for one metric and signal, by the held-out protocol.

    Args:
        signals: rows of the signals table, of the family.
    """
    fitted = thresholds.set_index(["autoencoder", "metric", "signal", "protocol"])["threshold"]
    threshold = float(fitted[family, metric, signal, "held_out"])
    scored = (signals["metric"] == metric) & (signals["split"] == PROTOCOLS["held_out"].scored_on)
    seen = signals[scored].dropna(subset=[signal]).sort_values([signal, "image_id"])
    own, others = seen[seen["belonging"]], seen[~seen["belonging"]]
    accepted, rejected = others[others[signal] < threshold], own[own[signal] >= threshold]
    return Errors(
        family=family,
        threshold=threshold,
        accepted=accepted.head(MOST_ERRORS),
        accepted_count=len(accepted),
        others=len(others),
        rejected=rejected.iloc[::-1].head(MOST_ERRORS),
        rejected_count=len(rejected),
        own=len(own),
    )


def describe_errors(
    errors: Errors, labels: Mapping[str, str], thumbnails: Mapping[str, Thumbnail], signal: str
) -> dict[str, Any]:
    """Return what a page shows of one autoencoder's errors: the number of all, and pictures of the worst."""
    accepted, rejected = (
        [
            {"image": thumbnails[row["image_id"]], "name": row["image_id"], "signal": row[signal]}
            for row in rows.to_dict("records")
        ]
        for rows in (errors.accepted, errors.rejected)
    )
    return {
        "label": labels[errors.family],
        "threshold": errors.threshold,
        "accepted": accepted,
        "accepted_count": errors.accepted_count,
        "others": errors.others,
        "rejected": rejected,
        "rejected_count": errors.rejected_count,
        "own": errors.own,
    }
