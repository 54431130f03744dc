"""The middle of large pictures, cut out without changing the pixels, or a JPEG's coefficients, that are kept."""

import contextlib
import os
import tempfile

import numpy as np
from PIL import ExifTags, Image

from aedr.errors import UnusableImage
from aedr.images.jpegs import read_dct
from aedr.images.pictures import decode_image, encode, open_image, orientation_of

# Offsets and sides are multiples of it, as the grids of autoencoders and the units of JPEGs are: 8, 16 or 32 pixels.
GRID = 64


def middle_of(data: bytes, side: int) -> bytes | None:
    """Return the middle of a picture that `decode_image` accepts, or None if no side is longer than `side`.

    A JPEG stays one: its coefficients are copied. Other formats, and JPEGs in other colours than YCbCr, become PNGs.
    The orientation that EXIF records is kept.

    Args:
        side: the longest side that is kept, in pixels, a multiple of `GRID`.
    """
    with open_image(data) as image:
        width, height = image.size
        is_jpeg = image.format in ("JPEG", "MPO")
        orientation = orientation_of(image)
    if max(height, width) <= side:
        return None
    rows, columns = _middle(height, side), _middle(width, side)
    if is_jpeg and (jpeg := _middle_of_jpeg(data, rows, columns)):
        return jpeg
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encode(decode_image(data, upright=False)[rows, columns], "PNG", exif=exif)


def _middle(length: int, side: int) -> slice:
    start = max(length - side, 0) // 2 // GRID * GRID
    return slice(start, min(start + side, length))


def _middle_of_jpeg(data: bytes, rows: slice, columns: slice) -> bytes | None:
    """Return a part of a JPEG with its coefficients, or None if they cannot be read or are not grey or YCbCr."""
    with contextlib.suppress(UnusableImage, OSError, RuntimeError, ValueError):
        jpeg = read_dct(data)
        if jpeg.num_components not in (1, 3) or getattr(jpeg.jpeg_color_space, "name", "") == "JCS_RGB":
            return None
        factors = np.asarray(jpeg.samp_factor)
        for name, sampling in zip(("Y", "Cb", "Cr"), factors.max(axis=0) // factors, strict=False):
            down, across = 8 * sampling
            part = getattr(jpeg, name)[
                rows.start // down : -(-rows.stop // down), columns.start // across : -(-columns.stop // across)
            ]
            setattr(jpeg, name, np.ascontiguousarray(part))
        jpeg.height, jpeg.width = rows.stop - rows.start, columns.stop - columns.start
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "picture.jpg")
            jpeg.write_dct(path)
            with open(path, "rb") as file:
                return file.read()
    return None
