"""Undo a resize: bring an image back to the size before, known from its pixels or likely from own images."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from PIL import Image

from aedr.images.pictures import Pixels, encode_png
from aedr.observations.history import PIXELS, History, read_history
from aedr.observations.resampling import FILTERS, inverse_of_resize
from aedr.observations.resize_traces import find_enlargement

Size = tuple[int, int]

# In a study of many sizes, none is likely, and each one costs another measurement.
SMALLEST_SHARE = 0.1
# What most programs that shrink pictures use; other filters differ little from it.
LIKELIEST_FILTER = "lanczos"


@dataclass(frozen=True)
class Copy:
    """An image at a size that it may have had, with its history.

    `stored` is the file that was observed, if that is not a picture of these pixels.
    """

    pixels: Pixels
    history: History
    stored: bytes | None = None


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


def copies(data: bytes, pixels: Pixels, history: History, common: Iterable[Size]) -> list[Copy]:
    """Return an image at the sizes that it may have had.

    If its pixels prove an enlargement, it is first brought back, and only the copies count. It is given each of the
    `common` sizes that it may have been resized from.

    Args:
        data: the image's file.
        pixels: as they are stored.
        history: that of the image as it is stored.
    """
    found = find_enlargement(pixels) if history.kind == PIXELS and history.obstacle is None else None
    known = set(common)
    if found is None:
        height, width = pixels.shape[:2]
        return [_copy(data, pixels, history, size) for size in likely_sizes(width, height, known)]
    size = (found.width, found.height)
    before = shrink_back(pixels, size, found.filter)
    as_png = encode_png(before)
    inner = read_history(as_png, "PNG", before)
    if inner.kind == PIXELS:
        # What is known are the pixels after the enlargement; those before it are only nearly known.
        resizes = ((*size, found.filter),)
        history = replace(history, enlarged_from=size, enlarged_by=found.filter, resizes=resizes, without_detail=False)
        copy = Copy(before, history, data)
    else:
        data, history = as_png, replace(inner, enlarged_from=size, enlarged_by=found.filter)
        copy = Copy(before, history)
    if size in known:
        return [copy]
    return [_copy(data, before, history, other) for other in likely_sizes(*size, known)] or [copy]


def _copy(data: bytes, pixels: Pixels, history: History, size: Size) -> Copy:
    """Return an image as if it had been resized from `size` before what its history tells."""
    resizes = (*history.resizes, (*size, LIKELIEST_FILTER))
    return Copy(resize(pixels, size), replace(history, resizes=resizes), data)


def resize(pixels: Pixels, size: Size) -> Pixels:
    """Resample uint8 pixels (height, width, 3) to `size` (width, height), bicubic."""
    return np.asarray(Image.fromarray(pixels).resize(size, FILTERS["bicubic"]))


def shrink_back(pixels: Pixels, size: Size, filter: str) -> Pixels:
    """Return uint8 pixels (height, width, 3) as they were before `filter` enlarged them from `size` (width, height)."""
    down, across = (
        inverse_of_resize(before, after, filter) for before, after in zip(size[::-1], pixels.shape[:2], strict=True)
    )
    levels = np.einsum("hi,ijc,wj->hwc", down, pixels.astype(np.float32), across, optimize=True)
    return np.rint(levels).clip(0, 255).astype(np.uint8)
