"""JPEG files below their pixels."""

import os
import tempfile
from typing import Any

import numpy as np

from aedr.errors import UnusableImage
from aedr.images.pictures import Pixels, decode_image

START, SCAN, END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


def read_dct(data: bytes) -> Any:
    """Return jpeglib's view of a JPEG file, with its coefficients, tables and markers.

    Raises:
        UnusableImage: the file is damaged, or of a kind that libjpeg does not read.
    """
    import jpeglib

    # jpeglib reads files alone, and takes the name apart: a name of our own is safe for it.
    handle, path = tempfile.mkstemp(suffix=".jpg")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        return jpeglib.read_dct(path)
    except (OSError, RuntimeError, ValueError) as error:
        raise UnusableImage(f"the coefficients of this JPEG cannot be read: {error}") from None
    finally:
        os.unlink(path)


def with_end(data: bytes, max_pixels: int) -> bytes | None:
    """Return a JPEG that lacks nothing but its end marker with that marker; None for any other file.

    Decoders fill what is missing of a picture. So it is complete if what follows the file makes no difference.
    """
    if not data.startswith(START) or data.rfind(END) > data.rfind(SCAN):
        return None
    data = data.removesuffix(END[:1])

    def followed_by(more: bytes) -> Pixels:
        return decode_image(data + more + END, max_pixels)

    try:
        complete = np.array_equal(followed_by(b""), followed_by(b"\x55\xaa" * 64))
    except UnusableImage:
        return None
    return data + END if complete else None
