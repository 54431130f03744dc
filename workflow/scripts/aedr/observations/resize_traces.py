"""Traces of an enlargement in pixels: the size that a picture had before.

Interpolation between samples leaves images of the spectrum behind: around the frequency at which the old picture's
spectrum ended, the coefficients of a picture's cosine transform mirror each other with opposite signs.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import dct, dctn

from aedr.images.pictures import Pixels
from aedr.observations.jpeg_files import YCBCR
from aedr.observations.resampling import FILTERS, inverse_of_resize, resize_matrix

# How many coefficients on both sides of the old end are compared.
REACH = 8
# Share of opposite signs, along rows and along columns, from which an enlargement is believed.
BELIEVED = 0.64
# Enlargements by more are not looked for.
LARGEST_SCALE = 4.0
# Sizes are alike whose noise is within this factor of the least.
ALIKE = 1.15
# How many of the likeliest sizes are checked.
CANDIDATES = 6
# Root mean square, in levels, of what rounding to 8 bits twice leaves (resampling rounds between the two directions).
ROUNDED = 0.75

# From this share of the highest frequency on, and below this mean square, in levels, detail is missing. Rounding to 8
# bits leaves 1/12 for each time; camera pictures and the decoders of published models have more than one.
FINEST = 0.8
MISSING = 0.5


def lacks_detail(pixels: Pixels) -> bool:
    """Return whether pixels (RGB, uint8, height x width x 3) have as little fine detail as after a resize and back."""
    spectrum = dctn(pixels.astype(np.float64) @ YCBCR[0], norm="ortho")
    rows, columns = (np.arange(length) / length for length in spectrum.shape)
    finest = spectrum[np.maximum(rows[:, None], columns) >= FINEST]
    return bool(finest.size and np.mean(finest**2) < MISSING)


def opposite_signs(luma: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
    """Return, for each length that an axis may have had before, the share of opposite signs around it.

    The array has a value for each length from 0 to that of the axis.
    """
    length = luma.shape[axis]
    signs = np.sign(np.moveaxis(dct(luma, axis=axis, norm="ortho"), axis, 0))
    shares = np.full(length + 1, 0.5)
    for end in range(REACH + 1, length - REACH):
        below, above = signs[end - REACH : end][::-1], signs[end + 1 : end + REACH + 1]
        shares[end] = np.mean(below * above < 0)
    return shares


@dataclass(frozen=True)
class Enlargement:
    """The size that a picture had before it was enlarged, and the filter, one of `FILTERS`."""

    width: int
    height: int
    filter: str


def find_enlargement(pixels: Pixels) -> Enlargement | None:
    """Return how pixels (RGB, uint8, height x width x 3) were enlarged, or None without a trace of it.

    Only pictures stored without loss afterwards are read: the grid of a JPEG leaves similar signs.
    """
    luma = pixels.astype(np.float64) @ YCBCR[0]
    by_height, by_width = opposite_signs(luma, 0), opposite_signs(luma, 1)
    height, width = luma.shape
    heights = np.arange(max(round(height / LARGEST_SCALE), REACH + 1), height)
    widths = np.rint(heights * width / height).astype(int)
    if not len(heights) or widths.max() >= width:
        heights, widths = heights[widths < width], widths[widths < width]
    shares = np.minimum(by_height[heights], by_width[widths])
    likeliest = [at for at in np.argsort(-shares, kind="stable")[:CANDIDATES] if shares[at] > BELIEVED]
    if not likeliest:
        return None
    left = {
        (at, name): _left_over(luma, int(heights[at]), int(widths[at]), name) for at in likeliest for name in FILTERS
    }
    least = min(left.values())
    if least >= ROUNDED:
        return None
    # Larger sizes than the true one leave as little, smaller ones more.
    at, name = min((key for key, value in left.items() if value <= ALIKE * least), key=lambda key: (key[0], left[key]))
    return Enlargement(int(widths[at]), int(heights[at]), name)


def _left_over(luma: npt.NDArray[np.float64], height: int, width: int, filter: str) -> float:
    """Return the noise, in levels, with which luma is a picture of this size enlarged by the filter.

    It is the root mean square of what no such picture explains, over the share of dimensions that are left.
    """
    left = luma
    for axis, before in ((0, height), (1, width)):
        there, back = (matrix(before, luma.shape[axis], filter) for matrix in (resize_matrix, inverse_of_resize))
        left = np.moveaxis(np.tensordot(there @ back, left, (1, axis)), 0, axis)
    share = 1 - height * width / luma.size
    return float(np.sqrt(np.mean((left - luma) ** 2) / share))
