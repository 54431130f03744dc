"""The report's matrix: its cells for every metric, signal and protocol, and the signals behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aedr.figures.style import LOWEST_SHADE, is_spread_over_magnitudes, shade_place, shade_table
from aedr.scoring.methods import PUBLISHED, axis_name, method_name, view_name
from aedr.scoring.protocols import PROTOCOLS
from aedr.scoring.signals import SIGNALS
from aedr.seeds import sample_of

CELL = [
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "images",
    "own_images",
    "accepted",
    "unusable",
    "auc",
    "true_positive_rate_at_1_percent",
    "shade",
    "belonging",
]
THRESHOLD = ["threshold", "threshold_low", "threshold_high", "alpha", "images"]
# A thousandth of a signal is less than a pixel on a page.
DIGITS_OF_A_SIGNAL = 4
# A page holds about so many signals, some 40 MB, whatever the size of the study.
MOST_SIGNALS = 5_000_000


@dataclass(frozen=True)
class Signals:
    """A family's values of a signal, lists by source and image, and whether it has any, on a page or not.

    Values are rounded to `DIGITS_OF_A_SIGNAL` digits; None for an image without a signal.
    """

    values: list[list[float | None]]
    has_any: bool


def describe_matrix(
    accuracy: pd.DataFrame, thresholds: pd.DataFrame, labels: Mapping[str, str], sources: Sequence[str]
) -> dict[str, Any]:
    """Return what a page shows of accuracy and thresholds: plain lists, in the order of `labels` and `sources`.

    Args:
        labels: the name of each family on the page.
    """
    cells = accuracy.assign(shade=accuracy["accuracy"].map(shade_place))
    cells = cells.set_index(["metric", "signal", "protocol", "autoencoder", "source"])[CELL].sort_index()
    fitted = thresholds.set_index(["metric", "signal", "protocol", "autoencoder"])[THRESHOLD].sort_index()
    views = []
    for metric in dict.fromkeys(accuracy["metric"]):
        for signal in SIGNALS:
            for protocol, parts in PROTOCOLS.items():
                if (metric, signal, protocol) not in cells.index:
                    continue
                of_view, thresholds_of_view = cells.loc[metric, signal, protocol], fitted.loc[metric, signal, protocol]
                # Some autoencoders have no codebook, so the rival that measures the distance to it does not apply.
                if not set(labels) <= set(of_view.index.get_level_values("autoencoder")):
                    continue
                views.append(
                    {
                        "metric": metric,
                        "signal": signal,
                        "protocol": protocol,
                        "scored": None if parts.scored_on is None else parts.scored_on[0],
                        "name": view_name(metric, signal),
                        "axis": axis_name(metric, signal),
                        "logarithmic": is_spread_over_magnitudes(metric, signal),
                        "mean": _plain(of_view.loc[~of_view["belonging"].astype(bool), "accuracy"].mean()),
                        "cells": [[_row(of_view.loc[family, source]) for source in sources] for family in labels],
                        "thresholds": [_row(thresholds_of_view.loc[family]) for family in labels],
                    }
                )
    return {
        "families": list(labels.values()),
        "sources": list(sources),
        "columns": CELL,
        "views": views,
        "lowest_shade": LOWEST_SHADE,
        "shades": shade_table(),
    }


def choose_views(matrix: Mapping[str, Any], metric: str, signal: str) -> list[dict[str, Any]]:
    """Return the views that a page shows without a script: the configured signal, held out, and AEDR as published."""
    wanted = {
        (metric, signal, "held_out"): "The configured signal",
        (*PUBLISHED, "same_images"): method_name(*PUBLISHED),
    }
    by_key = {(view["metric"], view["signal"], view["protocol"]): view for view in matrix["views"]}
    return [by_key[key] | {"heading": heading} for key, heading in wanted.items() if key in by_key]


@dataclass(frozen=True)
class Images:
    """The images whose signals a page holds.

    Attributes:
        ids: by source, in the order of the matrix's columns.
        splits: for each source a text with a letter for each image, that of the part of the study that it is in: "h"
            for held out.
        counts: how many images each source has in all.
        at_most: how many images of a source are held for a metric.
        of_metric: by metric, the ids of the images that are held for it.
    """

    ids: Mapping[str, pd.Index]
    splits: list[str]
    counts: Mapping[str, int]
    at_most: int
    of_metric: Mapping[str, set[str]]

    @property
    def are_sampled(self) -> bool:
        """Whether a source has more images than the page holds."""
        return max(self.counts.values()) > self.at_most


def choose_images(signals: pd.DataFrame, sources: Sequence[str], at_most: int) -> Images:
    """Return the images whose signals a page holds: all of a source's, or for each metric a sample.

    Samples are drawn for each metric, because some are measured on few images.

    Args:
        signals: rows of the signals table, of one family. An image without a picture has no signal, but it has a row.
    """
    images = signals.drop_duplicates("image_id").set_index("image_id")[["source", "split"]]
    counts = images["source"].value_counts().to_dict()
    of_metric = {
        str(metric): set().union(
            *(sample_of(ids.tolist(), at_most, "report") for _, ids in rows.groupby("source")["image_id"])
        )
        for metric, rows in signals.groupby("metric", sort=False)
    }
    held = images[images.index.isin(set().union(*of_metric.values()))]
    ids = {source: held.index[held["source"] == source] for source in sources}
    splits = ["".join(held.loc[ids[source], "split"].str[0]) for source in sources]
    return Images(ids, splits, counts, at_most, of_metric)


def most_images(matrix: Mapping[str, Any]) -> int:
    """Return how many images of each source a page holds for a metric."""
    views = {(view["metric"], view["signal"]) for view in matrix["views"]}
    return max(1, MOST_SIGNALS // (len(views) * len(matrix["families"]) * len(matrix["sources"])))


def signals_of_family(signals: pd.DataFrame, images: Images) -> dict[tuple[str, str], Signals]:
    """Return a family's signals as a page holds them, by metric and signal.

    Args:
        signals: rows of the signals table, of the family.
    """
    found = {}
    for metric, rows in signals.groupby("metric", sort=False):
        has_any = rows[list(SIGNALS)].notna().any()
        is_held = rows["image_id"].isin(images.of_metric.get(str(metric), ()))
        held = rows[is_held].set_index("image_id")[list(SIGNALS)]
        by_source = [held.reindex(ids) for ids in images.ids.values()]
        for signal in SIGNALS:
            values = [_round(of_source[signal]) for of_source in by_source]
            found[str(metric), signal] = Signals(values, bool(has_any[signal]))
    return found


def join_families(
    families: Sequence[Mapping[tuple[str, str], Signals]],
) -> dict[str, list[list[list[float | None]]]]:
    """Return lists of values by family, source and image, for each "METRIC-SIGNAL" that every family has.

    Args:
        families: what `signals_of_family` returns, for each family.
    """
    joined = {}
    for metric, signal in families[0]:
        of_all = [family[metric, signal] for family in families if (metric, signal) in family]
        if len(of_all) == len(families) and any(one.has_any for one in of_all):
            joined[f"{metric}-{signal}"] = [one.values for one in of_all]
    return joined


def _round(values: pd.Series) -> list[float | None]:
    return [None if value != value else float(f"{value:.{DIGITS_OF_A_SIGNAL}g}") for value in values.tolist()]


def _row(row: pd.Series) -> list[float | int | bool | None]:
    return [_plain(value) for value in row]


def _plain(value: Any, digits: int = 8) -> float | int | bool | None:
    """Return a value as JSON can store it; a number that is not an integer is rounded to so many digits."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool | int):
        return value
    return None if pd.isna(value) else float(f"{value:.{digits}g}")
