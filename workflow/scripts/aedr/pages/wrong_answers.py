"""The report's errors: images of others that an autoencoder accepted, and own images that it rejected."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from aedr.scoring.signals import HELD_OUT


@dataclass(frozen=True)
class Errors:
    """One autoencoder's errors on images held out: rows of the signals table, the furthest off first."""

    family: str
    threshold: float
    accepted: pd.DataFrame
    others: int
    rejected: pd.DataFrame
    own: int


def find_errors(
    signals: pd.DataFrame, thresholds: pd.DataFrame, families: Iterable[str], metric: str, signal: str
) -> list[Errors]:
    """Return the errors of each family by one metric and signal, as the held-out protocol counts them."""
    rows = signals[(signals["metric"] == metric) & (signals["split"] == HELD_OUT)].dropna(subset=[signal])
    fitted = thresholds.set_index(["autoencoder", "metric", "signal", "protocol"])["threshold"]
    found = []
    for family in families:
        threshold = float(fitted[family, metric, signal, "held_out"])
        seen = rows[rows["autoencoder"] == family].sort_values([signal, "image_id"])
        own, others = seen[seen["belonging"]], seen[~seen["belonging"]]
        accepted, rejected = others[others[signal] < threshold], own[own[signal] >= threshold]
        found.append(Errors(family, threshold, accepted, len(others), rejected.iloc[::-1], len(own)))
    return found
