"""The way back to the grid: trained autoencoders find where their own decodings were cut, and know them again there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from aedr.autoencoders.loading import Autoencoder, load_autoencoder
from aedr.errors import UnusableImage
from aedr.images.pictures import Pixels, decode_image
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.grid_search import (
    Offset,
    apply_offset,
    find_offset,
    offset_losses,
    search_and_measure,
)
from aedr.reconstruction.losses import LOSSES, LossFunction
from aedr.reconstruction.pixels import apply_fit, fit_to_grid, to_pixels, to_tensor
from aedr.scoring.accuracy import area_under_curve

CPU = torch.device("cpu")
DEMO = Path(__file__).parents[3] / "demo"
METRICS = ("l2", "high_frequency", "mid_frequency")
FUNCTIONS = {metric: LOSSES[metric] for metric in METRICS}
INNER = np.s_[..., 8:-8, 8:-8]
WITHOUT_RIM = {metric: lambda r, i, metric=metric: LOSSES[metric](r[INNER], i[INNER]) for metric in METRICS}
CUT = (3, 1)
RIGHT = (1, 3)

Ratios = dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Case:
    """An autoencoder, the demo photographs and its own decodings of them."""

    autoencoder: Autoencoder
    own: list[Pixels]
    photographs: list[Pixels]

    @cached_property
    def searched_own(self) -> tuple[list[Offset], Ratios]:
        """Offsets and ratios of the own decodings, cut."""
        return searched(self.autoencoder, cut(self.own))

    @cached_property
    def searched_photographs(self) -> tuple[list[Offset], Ratios]:
        """Offsets and ratios of the photographs, cut."""
        return searched(self.autoencoder, cut(self.photographs))


@pytest.fixture(scope="module", params=["demo-sd", "demo-tiny"])
def case(request: pytest.FixtureRequest) -> Case:
    autoencoder = load_autoencoder(DEMO / "models" / request.param, "float32", CPU)
    # The order in which a CPU convolves fastest.
    autoencoder.network.to(memory_format=torch.channels_last)
    files = sorted((DEMO / "photographs").glob("*.png"))
    photographs = [decode_image(file.read_bytes(), 10**6) for file in files]
    with torch.inference_mode():
        own = to_pixels(autoencoder.reconstruct(to_tensor(photographs, CPU), "mode", ()))
    return Case(autoencoder, list(own), photographs)


def cut(pictures: Iterable[Pixels]) -> list[Pixels]:
    return [picture[CUT[0] :, CUT[1] :] for picture in pictures]


def as_they_are(
    autoencoder: Autoencoder, pictures: Iterable[Pixels], functions: Mapping[str, LossFunction] = FUNCTIONS
) -> Ratios:
    """Ratios without a search, as a study measures them."""
    fitted = [apply_fit(p, fit_to_grid(*p.shape[:2], autoencoder.factor, "crop", None)) for p in pictures]
    losses = double_losses(autoencoder, to_tensor(fitted, CPU), functions)
    return {m: np.array([first / second for first, second in losses[m]]) for m in METRICS}


def searched(autoencoder: Autoencoder, pictures: Iterable[Pixels]) -> tuple[list[Offset], Ratios]:
    found = [search_and_measure(autoencoder, picture, FUNCTIONS) for picture in pictures]
    ratios = {m: np.array([losses[m][0] / losses[m][1] for _, losses in found]) for m in METRICS}
    return [offset for offset, _ in found], ratios


def contrast(losses: dict[Offset, float]) -> float:
    """Return the smallest loss over the median of the others: near 1 where no offset stands out."""
    best, *others = sorted(losses.values())
    return best / float(np.median(others))


def test_own_images_come_back_and_photographs_stay_away(case: Case) -> None:
    before = {side: as_they_are(case.autoencoder, getattr(case, side)) for side in ("own", "photographs")}
    off_grid = {side: as_they_are(case.autoencoder, cut(getattr(case, side))) for side in ("own", "photographs")}
    offsets, own = case.searched_own
    _, photographs = case.searched_photographs
    unsearched_photographs = as_they_are(case.autoencoder, case.photographs, WITHOUT_RIM)
    untouched, calibration = searched(case.autoencoder, case.own)
    assert sum((offset.rows, offset.columns) == RIGHT for offset in offsets) >= 0.9 * len(offsets)
    assert sum((offset.rows, offset.columns) == (0, 0) for offset in untouched) >= 0.9 * len(offsets)

    for metric in METRICS:
        at_first = area_under_curve(before["own"][metric], before["photographs"][metric])
        assert area_under_curve(own[metric], photographs[metric]) >= at_first - 0.02, metric
        # Of own images that were cut, as many pass the threshold of those that were not as the threshold says.
        threshold, old_threshold = (np.quantile(r[metric], 0.95) for r in (calibration, before["own"]))
        assert (own[metric] <= threshold).mean() >= 0.85, metric
        assert (off_grid["own"][metric] <= old_threshold).mean() <= 0.5, metric
        # The search takes the best of all offsets for photographs as well: one of 72 is what the count can resolve.
        accepted, accepted_unsearched = (
            (ratios[metric] <= threshold).sum() for ratios in (photographs, unsearched_photographs)
        )
        assert accepted <= accepted_unsearched + 1, metric


def test_the_choice_is_clear_for_own_images_alone(case: Case) -> None:
    own, photographs = (
        np.array([contrast(offset_losses(case.autoencoder, picture)) for picture in cut(pictures)])
        for pictures in (case.own, case.photographs)
    )
    assert area_under_curve(own, photographs) >= 0.98
    assert np.median(own) < 0.5 and np.median(photographs) > 0.9


@pytest.mark.parametrize("padding", [(3, 1), (2, 0), (9, 6)])
def test_padding_is_cut_off_again(case: Case, padding: tuple[int, int]) -> None:
    picture = case.own[0]
    padded = np.pad(picture, ((padding[0], 0), (padding[1], 0), (0, 0)))
    offset = find_offset(case.autoencoder, padded)
    aligned = apply_offset(padded, offset, case.autoencoder.factor)
    assert (offset.rows, offset.columns) == (padding[0] % 4, padding[1] % 4)
    assert np.array_equal(aligned[-64:, -64:], picture)


def test_a_large_image_is_searched_where_it_is_not_flat(case: Case) -> None:
    """Four photographs in the corner of a grey field, decoded and cut: any other place would tell nothing."""
    field = np.full((320, 320, 3), 128, np.uint8)
    field[-128:, -128:] = np.vstack([np.hstack(case.photographs[:2]), np.hstack(case.photographs[2:4])])
    own = to_pixels(case.autoencoder.reconstruct(to_tensor([field], CPU), "mode", ()))
    losses = offset_losses(case.autoencoder, cut(own)[0])
    offset = find_offset(case.autoencoder, cut(own)[0])
    assert (offset.rows, offset.columns) == RIGHT and contrast(losses) < 0.8


def test_small_and_flat_images(case: Case) -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    assert find_offset(case.autoencoder, flat) == find_offset(case.autoencoder, flat)
    assert len(offset_losses(case.autoencoder, case.own[0][:43, :50])) == 16
    with pytest.raises(UnusableImage, match="50x42 pixels are too few to search the grid: each side needs 43"):
        find_offset(case.autoencoder, case.own[0][:42, :50])
