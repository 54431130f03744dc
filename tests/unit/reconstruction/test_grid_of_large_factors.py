"""The search for the grid at factors above 12, with an autoencoder whose decodings are squares of one colour."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from aedr.autoencoders.loading import Autoencoder
from aedr.errors import UnusableImage, UserError
from aedr.reconstruction.grid_search import Offset, find_offset


class Squares:
    """Encodes a square to its mean colour, and decodes a colour to its square."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def encode(self, pixels: torch.Tensor) -> object:
        return SimpleNamespace(latents=functional.avg_pool2d(pixels, self.factor))

    def decode(self, latents: torch.Tensor) -> object:
        return SimpleNamespace(sample=functional.interpolate(latents, scale_factor=self.factor, mode="nearest"))


def squares(factor: int, height: int, width: int) -> np.ndarray:
    colours = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.kron(colours, np.ones((factor, factor, 1), np.uint8))


@pytest.mark.parametrize("factor", [13, 16, 32])
def test_the_grid_is_found(factor) -> None:
    autoencoder = Autoencoder(Squares(factor), factor, quantise=False)
    picture = squares(factor, 12, 13)[5:, 3:]
    assert find_offset(autoencoder, picture) == Offset(factor - 5, factor - 3)
    with pytest.raises(UnusableImage, match=f"each side needs {11 * factor - 1}"):
        find_offset(autoencoder, picture[: 11 * factor - 2])


@pytest.mark.parametrize("factor", [64, 128])
def test_a_search_that_would_take_forever_is_refused_before_it_begins(factor) -> None:
    autoencoder = Autoencoder(Squares(factor), factor, quantise=False)
    with pytest.raises(UserError, match=f"{factor}x{factor} pixels: .* work of [0-9]+ reconstructions.*off_grid: crop"):
        find_offset(autoencoder, squares(factor, 12, 12))
