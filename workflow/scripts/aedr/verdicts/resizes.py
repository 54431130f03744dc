"""Undo a resize: bring an image back to the sizes that the autoencoders' own images have."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from PIL import Image

from aedr.images.pictures import Pixels

Size = tuple[int, int]

# In a study of many sizes, none is likely, and each one costs another double reconstruction.
SMALLEST_SHARE = 0.1


def common_sizes(own: pd.DataFrame) -> set[Size]:
    """Return the (width, height) that a tenth or more of an autoencoder's own images have.

    Args:
        own: a row for each own image, with its width and height.
    """
    shares = own.groupby(["width", "height"]).size() / max(len(own), 1)
    return {(int(width), int(height)) for width, height in shares.index[shares >= SMALLEST_SHARE]}


def likely_sizes(width: int, height: int, common: Iterable[Size]) -> list[Size]:
    """Return, smallest first, the `common` sizes that a resize to whole pixels may have turned into this size."""
    # width = W s and height = H s, each rounded by at most half a pixel, for a common size W x H and a scale s.
    return sorted(
        (wide, high)
        for wide, high in common
        if (wide, high) != (width, height) and 2 * abs(width * high - height * wide) <= wide + high
    )


def resize(pixels: Pixels, size: Size) -> Pixels:
    """Resample uint8 pixels (height, width, 3) to `size` (width, height), bicubic."""
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
