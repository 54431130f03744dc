"""The report's errors: own images that an autoencoder rejected, and other images that it accepted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aedr.pages.thumbnails import Thumbnail
from aedr.scoring.protocols import PROTOCOLS

MOST_ERRORS = 12


@dataclass(frozen=True)
class Errors:
    """One autoencoder's errors on held-out images: rows of the signals table, those furthest from the threshold first.

    `others` and `own` are the numbers of images scored.
    """

    family: str
    threshold: float
    accepted: pd.DataFrame
    others: int
    rejected: pd.DataFrame
    own: int

    @property
    def shown(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The accepted and the rejected images that a page shows: those furthest from the threshold."""
        return self.accepted.head(MOST_ERRORS), self.rejected.head(MOST_ERRORS)


def find_errors(
    signals: pd.DataFrame, thresholds: pd.DataFrame, families: Iterable[str], metric: str, signal: str
) -> list[Errors]:
    """Return the errors of each family for one metric and signal, by the held-out protocol."""
    rows = signals[(signals["metric"] == metric) & (signals["split"] == PROTOCOLS["held_out"].scored_on)].dropna(
        subset=[signal]
    )
    fitted = thresholds.set_index(["autoencoder", "metric", "signal", "protocol"])["threshold"]
    found = []
    for family in families:
        threshold = float(fitted[family, metric, signal, "held_out"])
        seen = rows[rows["autoencoder"] == family].sort_values([signal, "image_id"])
        own, others = seen[seen["belonging"]], seen[~seen["belonging"]]
        accepted, rejected = others[others[signal] < threshold], own[own[signal] >= threshold]
        found.append(Errors(family, threshold, accepted, len(others), rejected.iloc[::-1], len(own)))
    return found


def describe_errors(
    errors: Errors, labels: Mapping[str, str], thumbnails: Mapping[str, Thumbnail], signal: str
) -> dict[str, Any]:
    """Return what a page shows of one autoencoder's errors: the number of all, and pictures of those in `shown`."""
    accepted, rejected = (
        [
            {"image": thumbnails[row["image_id"]], "name": row["image_id"], "signal": row[signal]}
            for row in rows.to_dict("records")
        ]
        for rows in errors.shown
    )
    return {
        "label": labels[errors.family],
        "threshold": errors.threshold,
        "accepted": accepted,
        "accepted_count": len(errors.accepted),
        "others": errors.others,
        "rejected": rejected,
        "rejected_count": len(errors.rejected),
        "own": errors.own,
    }
