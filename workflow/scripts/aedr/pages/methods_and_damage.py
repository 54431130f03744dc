"""The report's sections on other methods and on damaged images."""

from typing import Any

import pandas as pd

from aedr.robustness.scores import shown_methods
from aedr.scoring.methods import MEAN
from aedr.scoring.protocols import FITTED_ON


def describe_methods(methods: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the methods table's means over the autoencoders; None for missing values."""
    means = methods[methods["autoencoder"] == MEAN]
    return means.astype(object).where(means.notna(), None).to_dict("records")


def describe_robustness(means: pd.DataFrame, configured: tuple[str, str]) -> dict[str, Any]:
    """Return the labels of the `methods` that the figures show, and a row for each transform.

    A row has the accuracy of each method by both protocols; None if it was not measured.

    Args:
        means: `robustness.csv`.
        configured: the metric and the signal that the study was configured with.
    """
    methods = shown_methods(means, configured)
    key = ["transform", "metric", "signal", "protocol"]
    accuracy = means.dropna(subset=["accuracy"]).set_index(key)["accuracy"].to_dict()
    rows = [
        {
            "transform": transform,
            "cells": [
                tuple(accuracy.get((transform, *method, protocol)) for protocol in FITTED_ON)
                for method in methods.values()
            ],
        }
        for transform in means["transform"].unique()
    ]
    return {"methods": list(methods), "rows": rows}
