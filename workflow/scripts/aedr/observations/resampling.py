"""Resampling as a matrix, and the way back."""

import functools

import numpy as np
import numpy.typing as npt
from PIL import Image

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# Singular values of a resize below this share of the largest are not inverted: they would amplify rounding errors.
SMALLEST_SINGULAR_VALUE = 0.05


@functools.cache
def resize_matrix(before: int, after: int, filter: str) -> npt.NDArray[np.float32]:
    """Return how Pillow resamples a line of `before` values to `after`: float32, shape (after, before)."""
    identity = Image.fromarray(np.eye(before, dtype=np.float32))
    return np.asarray(identity.resize((before, after), FILTERS[filter])).copy()


@functools.cache
def inverse_of_resize(before: int, after: int, filter: str) -> npt.NDArray[np.float32]:
    """Return the pseudo-inverse of `resize_matrix`, shape (before, after)."""
    matrix = resize_matrix(before, after, filter).astype(np.float64)
    return np.linalg.pinv(matrix, rcond=SMALLEST_SINGULAR_VALUE).astype(np.float32)
