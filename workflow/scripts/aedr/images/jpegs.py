"""JPEG files below their pixels."""

import os
import tempfile
from typing import Any

from aedr.errors import UnusableImage


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
