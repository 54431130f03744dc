"""How a picture is stored that no decoder puts out: why its own autoencoder may not know it."""

import io

import numpy as np
from PIL import Image, ImageCms

from aedr.images.pictures import LOW_ENDS, open_image, sample_bits

# By so many levels two profiles of the same colour space differ.
SAME_COLOURS = 4
LOSSY_FORMATS = {"JPEG2000": "JPEG 2000", "HEIF": "HEIC", "JXL": "JPEG XL"}


def obstacle_of_storage(data: bytes, format: str) -> str | None:
    """Return why a picture's pixels may not be what its decoder put out, as far as its file tells; None if they may.

    Args:
        data: the file, or a PNG with the pixels of a file of another `format`.
    """
    if format in LOSSY_FORMATS:
        return f"it is a {LOSSY_FORMATS[format]}, whose losses are not measured"
    with open_image(data) as image:
        compression = image.info.get("compression")
        if format == "TIFF" and compression == "jpeg":
            return "it is a JPEG inside a TIFF, whose coefficients are not read"
        if image.mode in ("P", "PA"):
            return "it has a palette: all but 256 colours are lost"
        # Of a JPEG, its coefficients are read, or not, and then that is the reason.
        if image.mode in ("CMYK", "LAB", "YCbCr") and format != "JPEG":
            return f"it is stored as {image.mode}: its colours were converted"
        if image.mode.startswith("I") and (bits := sample_bits(np.asarray(image).astype(np.int64))) in LOW_ENDS:
            return f"of its 16-bit samples only the lowest {bits} bits are used: they were scaled"
    return _other_colours(data)


def _other_colours(data: bytes) -> str | None:
    """Return that a picture's colour profile is not sRGB; None if it has none, or one that cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            levels = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), axis=-1).reshape(1, -1, 3)
            colours = Image.fromarray(levels)
            shown = ImageCms.profileToProfile(colours, profile, ImageCms.createProfile("sRGB"))
            name = ImageCms.getProfileName(profile).strip()
    # Without a profile, or with one that is damaged or not of RGB colours; readers of it may raise almost anything.
    except Exception:
        return None
    if np.abs(np.asarray(shown).astype(int) - levels).max() <= SAME_COLOURS:
        return None
    return f"it has the colour profile {name!r}: its colours may have been converted"
