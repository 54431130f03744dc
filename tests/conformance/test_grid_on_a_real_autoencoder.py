"""The way back to the grid on a real autoencoder: decodings of twelve crops of photographs, and six of the crops.

All pictures are cut by three rows and five columns, after which nothing separates them (`test_real_autoencoder.py`).
"""

from pathlib import Path

import numpy as np
import own_decodings as tables
import pytest

from aedr.images.pictures import decode_image
from aedr.reconstruction.grid_search import Offset, search_and_measure
from aedr.reconstruction.losses import LOSSES
from aedr.scoring.accuracy import area_under_curve
from taef2 import load_taef2

FUNCTIONS = {metric: LOSSES[metric] for metric in tables.METRICS}
Measured = list[tuple[Offset, dict[str, tuple[float, float]]]]


@pytest.fixture(scope="module")
def searched(reference: Path) -> tuple[Measured, Measured]:
    """Offset and losses of twelve own decodings and of one crop of every photograph, all cut."""
    autoencoder = load_taef2(reference)
    own = tables.decode_own(autoencoder, tables.read_crops(reference / "photographs", 2))
    sides = (own, tables.read_crops(reference / "photographs", 1))
    cut = ([decode_image(data)[3:, 5:] for data in side] for side in sides)
    measured = ([search_and_measure(autoencoder, pixels, FUNCTIONS) for pixels in side] for side in cut)
    return next(measured), next(measured)


def test_the_offset_is_found(searched: tuple[Measured, Measured]) -> None:
    own, _ = searched
    assert np.mean([(offset.rows, offset.columns) == (5, 3) for offset, _ in own]) >= 0.9


@pytest.mark.parametrize("metric", tables.METRICS)
def test_the_separation_is_back(searched: tuple[Measured, Measured], metric: str) -> None:
    own, photographs = (np.array([losses[metric][0] / losses[metric][1] for _, losses in side]) for side in searched)
    assert area_under_curve(own, photographs) >= 0.98


def test_the_choice_is_clear_for_own_images_alone(searched: tuple[Measured, Measured]) -> None:
    own, photographs = (np.array([offset.contrast for offset, _ in side]) for side in searched)
    assert area_under_curve(own, photographs) >= 0.98
