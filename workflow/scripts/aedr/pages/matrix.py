"""The report's matrix: its cells for every metric, signal and protocol, and the signals behind them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aedr.figures.style import LOWEST_SHADE, is_spread_over_magnitudes, shade_place, shade_table
from aedr.scoring.methods import PUBLISHED, axis_name, method_name, view_name
from aedr.scoring.protocols import PROTOCOLS
from aedr.scoring.signals import SIGNALS

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


def collect_signals(
    signals: pd.DataFrame, labels: Mapping[str, str], sources: Sequence[str]
) -> tuple[list[str], dict[str, list[list[list[float | None]]]]]:
    """Return the part of the study that each image is in, and every signal.

    The first has one text for each source, with a letter for each image: "h" for held out. The second has, for each
    "METRIC-SIGNAL" that every family has, lists by family, source and image. Values are rounded to `DIGITS_OF_A_SIGNAL`
    digits; None for an image without a signal.
    """
    order = signals.drop_duplicates("image_id").set_index("image_id")[["source", "split"]]
    ids = {source: order.index[order["source"] == source] for source in sources}
    splits = ["".join(order.loc[ids[source], "split"].str[0]) for source in sources]
    values = {}
    for metric, of_metric in signals.groupby("metric", sort=False):
        if not set(labels) <= set(of_metric["autoencoder"]):
            continue
        pairs = {pair: rows.set_index("image_id") for pair, rows in of_metric.groupby(["autoencoder", "source"])}
        for signal in (signal for signal in SIGNALS if of_metric[signal].notna().any()):
            values[f"{metric}-{signal}"] = [
                [_round(pairs[family, source][signal].reindex(ids[source])) for source in sources] for family in labels
            ]
    return splits, values


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
