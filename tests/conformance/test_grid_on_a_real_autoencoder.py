"""The way back to the grid on a real autoencoder: decodings of twelve crops of photographs, and six of the crops.

All pictures are cut by three rows and five columns, after which nothing separates them (`test_real_autoencoder.py`).
That leaves 91x93 pixels, little more than the least that can be searched: the search is quick, and no easier.
"""

from pathlib import Path
from typing import Any

import numpy as np
import own_decodings as tables
import pytest

from aedr.autoencoders.loading import Autoencoder
from aedr.images.pictures import decode_image, encode_png
from aedr.reconstruction import grid_search
from aedr.reconstruction.grid_search import Offset
from aedr.reconstruction.losses import LOSSES
from aedr.scoring.accuracy import area_under_curve

FUNCTIONS = {metric: LOSSES[metric] for metric in tables.METRICS}
# Of each image: its offset, its losses there, and the loss at every offset.
Measured = list[tuple[Offset, dict[str, tuple[float, float]], list[float]]]
SIDE = 96


def middle_crops(folder: Path) -> list[bytes]:
    """Return the two squares of SIDE pixels, as PNG, that meet above the middle of each picture in `folder`."""
    crops = []
    for file in sorted(folder.iterdir()):
        picture = decode_image(file.read_bytes())
        row, column = picture.shape[0] // 2, picture.shape[1] // 2
        above = picture[row - SIDE : row]
        crops += [encode_png(above[:, column - SIDE : column]), encode_png(above[:, column : column + SIDE])]
    return crops


@pytest.fixture(scope="module")
def searched(reference: Path, autoencoder: Autoencoder) -> tuple[Measured, Measured]:
    """What was measured of twelve own decodings and of one crop of every photograph, all cut."""
    photographs = middle_crops(reference / "photographs")
    sides = (tables.decode_own(autoencoder, photographs), photographs[::2])
    offset_losses, compared = grid_search.offset_losses, []

    def remember(*arguments: Any) -> dict[Offset, float]:
        compared.append(offset_losses(*arguments))
        return compared[-1]

    def measure(data: bytes) -> tuple[Offset, dict[str, tuple[float, float]], list[float]]:
        offset, losses = grid_search.search_and_measure(autoencoder, decode_image(data)[3:, 5:], FUNCTIONS)
        return offset, losses, list(compared[-1].values())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid_search, "offset_losses", remember)
        own, others = ([measure(data) for data in side] for side in sides)
    return own, others


def test_the_offset_is_found(searched: tuple[Measured, Measured]) -> None:
    own, _ = searched
    assert np.mean([(offset.rows, offset.columns) == (5, 3) for offset, *_ in own]) >= 0.9


@pytest.mark.parametrize("metric", tables.METRICS)
def test_the_separation_is_back(searched: tuple[Measured, Measured], metric: str) -> None:
    own, photographs = (np.array([losses[metric][0] / losses[metric][1] for _, losses, _ in side]) for side in searched)
    assert area_under_curve(own, photographs) >= 0.98


def test_the_choice_is_clear_for_own_images_alone(searched: tuple[Measured, Measured]) -> None:
    own, photographs = (np.array([contrast(compared) for *_, compared in side]) for side in searched)
    assert area_under_curve(own, photographs) >= 0.98


def contrast(losses: list[float]) -> float:
    """Return the smallest loss over the median of the others: near 1 where no offset stands out."""
    best, *others = sorted(losses)
    return best / float(np.median(others))
