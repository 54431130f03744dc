"""The report's other methods and damaged images: what their tables say, and the pictures that were drawn of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from aedr.methods import MEAN
from aedr.pages import data_address
from aedr.robustness import ALIKE
from aedr.transform_steps import UNTOUCHED


def describe_methods(methods: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the methods table's means over the autoencoders, None for what a study has not."""
    means = methods[methods["autoencoder"] == MEAN]
    return means.astype(object).where(means.notna(), None).to_dict("records")


def describe_robustness(means: pd.DataFrame, methods: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """Return each transform with the accuracy of some methods by both protocols, None where one was not measured.

    Args:
        means: `robustness.csv`.
        methods: metric and signal of each method.
    """
    key = ["transform", "metric", "signal", "protocol"]
    accuracy = means.dropna(subset=["accuracy"]).set_index(key)["accuracy"].to_dict()
    return [
        {
            "transform": transform,
            "cells": [
                tuple(accuracy.get((transform, *method, protocol)) for protocol in (UNTOUCHED, ALIKE))
                for method in methods.values()
            ],
        }
        for transform in means["transform"].unique()
    ]


def embed_pictures(paths: Sequence[str]) -> list[dict[str, Any]]:
    """Return PNG files as addresses that need no network, with their sizes in pixels."""
    pictures = []
    for path in paths:
        with Image.open(path) as picture:
            width, height = picture.size
        address = data_address(Path(path).read_bytes(), "png")
        pictures.append({"address": address, "width": width, "height": height, "file": f"plots/{Path(path).name}"})
    return pictures
