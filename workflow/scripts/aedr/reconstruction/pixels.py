"""Images as an autoencoder takes them: at sizes on its grid, as tensors, and back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from aedr.errors import UnusableImage
from aedr.images.pictures import Pixels
from aedr.observations.observation import from_levels, stack_levels, to_levels, whole_pixels

SMALLEST_SIDE = 16


@dataclass(frozen=True)
class Fit:
    """The size at which an image is reconstructed, and how it gets there: whole, cropped or resized."""

    height: int
    width: int
    how: str


def fit_to_grid(height: int, width: int, factor: int, off_grid: str, resize_to: int | None) -> Fit:
    """Return how to give an image sides that are multiples of `factor`.

    Args:
        off_grid: "crop" cuts off the right and bottom, so that the grid stays where it was; "resize" resamples to
            the nearest multiple (bicubic), as the authors do.
        resize_to: resample every image to a square of this side, as the authors do for Kandinsky.

    Raises:
        UnusableImage: a side is too short to be reconstructed.
    """
    if resize_to is not None:
        return Fit(resize_to, resize_to, "whole" if height == width == resize_to else "resized")
    shortest = max(factor, SMALLEST_SIDE)
    if min(height, width) < shortest:
        raise UnusableImage(f"{width}x{height} pixels are too few: each side needs {shortest}")
    if height % factor == 0 and width % factor == 0:
        return Fit(height, width, "whole")
    if off_grid == "crop":
        return Fit(height // factor * factor, width // factor * factor, "cropped")
    return Fit(round(height / factor) * factor, round(width / factor) * factor, "resized")


def apply_fit(pixels: Pixels, fit: Fit) -> Pixels:
    """Bring uint8 pixels (height, width, 3) to the size of `fit`."""
    if fit.how == "resized":
        resized = Image.fromarray(pixels).resize((fit.width, fit.height), Image.Resampling.BICUBIC)
        return np.asarray(resized)
    return pixels[: fit.height, : fit.width]


def to_tensor(pixels: Sequence[Pixels], device: torch.device) -> torch.Tensor:
    """Stack 8-bit images of one size to a float32 tensor in [-1, 1], shape (images, 3, height, width)."""
    return from_levels(stack_levels(pixels, device))


def to_pixels(images: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Round a tensor in [-1, 1], shape (images, 3, height, width), to 8-bit images, (images, height, width, 3)."""
    return whole_pixels(to_levels(images))


def round_to_8_bits(images: torch.Tensor) -> torch.Tensor:
    """Return a tensor in [-1, 1], shape (images, 3, height, width), as 8-bit files would keep it, in float32."""
    return to_tensor(list(to_pixels(images)), images.device)
