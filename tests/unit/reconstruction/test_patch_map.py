"""A map of ratios: whole-image arithmetic on patches, and a pasted picture that shows its seam."""

from pathlib import Path

import numpy as np
import pytest
import torch

from aedr.autoencoders.loading import Autoencoder, load_autoencoder
from aedr.errors import UnusableImage
from aedr.images.pictures import Pixels, decode_image
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.patch_map import ratio_map
from aedr.reconstruction.pixels import to_pixels, to_tensor

CPU = torch.device("cpu")
DEMO = Path(__file__).parents[3] / "demo"
METRICS = ("l2", "high_frequency", "mid_frequency")


@pytest.fixture(scope="module", params=["demo-sd", "demo-tiny"])
def autoencoder(request: pytest.FixtureRequest) -> Autoencoder:
    return load_autoencoder(DEMO / "models" / request.param, "float32", CPU)


@pytest.fixture(scope="module")
def photographs() -> list[Pixels]:
    return [decode_image(file.read_bytes(), 10**6) for file in sorted((DEMO / "photographs").glob("*.png"))[::6]]


@pytest.mark.parametrize("metric", METRICS)
def test_a_patch_of_all_the_image_has_its_ratio(
    autoencoder: Autoencoder, photographs: list[Pixels], metric: str
) -> None:
    square = photographs[0][:48, :48]
    ((first, second),) = double_losses(autoencoder, to_tensor([square], CPU), {metric: LOSSES[metric]})[metric]
    assert ratio_map(autoencoder, square, metric, 48, 48) == pytest.approx(first / second, rel=1e-4)


def test_shape_and_what_has_no_ratio(autoencoder: Autoencoder, photographs: list[Pixels]) -> None:
    assert ratio_map(autoencoder, photographs[0], "l2", 16, 8).shape == (7, 7)
    assert ratio_map(autoencoder, photographs[0][:51], "l2", 48, 16).shape == (1, 2)
    with pytest.raises(UnusableImage, match="64x64 pixels have no room for a patch of 65"):
        ratio_map(autoencoder, photographs[0], "l2", 65, 8)

    class Lossless:
        def reconstruct(self, images: torch.Tensor, encoding: str, seeds: object) -> torch.Tensor:
            return images

        factor = autoencoder.factor
        network = autoencoder.network

    assert np.isnan(ratio_map(Lossless(), photographs[0], "l2", 16, 16)).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", METRICS)
def test_a_pasted_half_stands_out(autoencoder: Autoencoder, photographs: list[Pixels], metric: str) -> None:
    """Left an own decoding, right the photograph it was made from: contents do not differ, only their origin."""
    own = to_pixels(autoencoder.reconstruct(to_tensor(photographs, CPU), "mode", ()))
    pasted = [np.hstack([mine[:, :32], photograph[:, 32:]]) for mine, photograph in zip(own, photographs, strict=True)]
    maps = np.array([ratio_map(autoencoder, picture, metric, 16, 16) for picture in pasted])
    # The outer columns of patches do not touch the seam.
    left, right = (np.median(maps[:, :, column], axis=1) for column in (0, -1))
    assert (right > 2 * left).mean() >= 0.9
