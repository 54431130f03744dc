"""Reading and writing pictures: what counts as a picture, and what its pixels are."""

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from aedr.errors import UnusableImage

Pixels = npt.NDArray[np.uint8]

# Pillow's own limit would raise before ours, whose message names the key. Opening a file decodes no pixels yet.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")

# A scan takes a few bytes of a JPEG, but decoding it goes over all pixels. libtiff has this limit for the same reason;
# encoders write about ten.
MAX_SCANS = 100
# The beginning of a segment: neither a byte inside a scan (FF 00) nor a restart between its parts (FF D0 to FF D7).
JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)


def read_image_file(path: str | Path, max_bytes: int) -> bytes:
    """Return the bytes of a picture's file. At most `max_bytes` + 1 bytes are read.

    Raises:
        UnusableImage: the file is larger than `max_bytes`.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise UnusableImage(f"the file is larger than max_bytes ({max_bytes})")
    return data


def decode_image(data: bytes, max_pixels: int | None = None, upright: bool = True) -> Pixels:
    """Decode an encoded picture to RGB pixels, uint8, shape (height, width, 3).

    EXIF rotation is applied; CMYK, palette and grey are converted to RGB; 16-bit samples keep their high byte;
    an opaque alpha channel is dropped.

    Args:
        max_pixels: a picture with more is refused before it is decoded. None for a picture from a table of images,
            which was already checked.
        upright: apply EXIF rotation; otherwise pixels are as they are stored.

    Raises:
        UnusableImage: truncated or not a picture, animated, transparent, larger than `max_pixels`, or a JPEG with more
            than `MAX_SCANS` scans.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if max_pixels is not None and width * height > max_pixels:
                raise UnusableImage(f"{width}x{height} pixels are more than max_pixels ({max_pixels})")
            # A camera's multi-picture JPEG (MPO) starts with the photograph; a thumbnail or depth map follows. The
            # frames are not counted: for a TIFF, the time grows with the square of the number of pages.
            if getattr(image, "is_animated", False) and image.format != "MPO":
                raise UnusableImage("animated or multi-page")
            if image.format in ("JPEG", "MPO") and _count_scans(data) > MAX_SCANS:
                raise UnusableImage(f"a JPEG with more than {MAX_SCANS} scans, which takes long to decode")
            image.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image) if upright else image))
    except UnusableImage:
        raise
    except UnidentifiedImageError:
        raise UnusableImage(f"cannot be decoded: not a picture in one of the formats {', '.join(FORMATS)}") from None
    # Pillow's decoders may raise almost anything on a damaged file.
    except Exception as error:
        raise UnusableImage(f"cannot be decoded: {error or type(error).__name__}") from None


def _count_scans(data: bytes) -> int:
    """Return how many scans a JPEG has before its end (ITU-T T.81, B.1). A phone's video may follow the end."""
    scans, position = 0, 2
    while found := JPEG_MARKER.search(data, position):
        position = found.end()
        if found[1] == b"\xd9":
            break
        scans += found[1] == b"\xda"
        if found[1] != b"\x01":
            position += int.from_bytes(data[position : position + 2], "big")
    return scans


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        high_byte = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
        return Image.fromarray(high_byte).convert("RGB")
    if image.mode == "F":
        raise UnusableImage("floating-point samples have no defined 8-bit meaning")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).min() < 255:
            raise UnusableImage("transparent pixels: flatten the picture onto a background first")
    return image.convert("RGB")


def format_of(data: bytes) -> str:
    """Return Pillow's name of the format of a picture that `decode_image` accepts."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return str(image.format)


def picture_shape(data: bytes, upright: bool = True) -> tuple[int, int]:
    """Return height and width of a picture that `decode_image` accepts, upright or as stored; decodes no pixels."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if not upright:
            return height, width
        # EXIF orientations from 5 on swap rows and columns.
        turned = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def encode(pixels: Pixels, format: str, **options: Any) -> bytes:
    """Encode RGB pixels (uint8, height x width x 3) in a format of Pillow's, with its options."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=format, **options)
    return buffer.getvalue()


def encode_png(pixels: Pixels) -> bytes:
    """Encode RGB pixels (uint8, height x width x 3) as PNG, without metadata, so that equal pixels give equal bytes."""
    return encode(pixels, "PNG")


def describe_image(data: bytes, name: str, max_pixels: int | None = None) -> dict[str, object]:
    """Return the columns of the images table that come from the encoded picture itself, including its bytes.

    `reason` is None for a usable picture; otherwise it says why it is not usable, and size and bytes are None. Width
    and height are those of the decoded picture, after EXIF rotation.
    """
    row: dict[str, object] = {"format": None, "sha256": hashlib.sha256(data).hexdigest()}
    try:
        height, width, _ = decode_image(data, max_pixels).shape
    except UnusableImage as unusable:
        return row | {"width": None, "height": None, "image": None, "reason": str(unusable)}
    row["format"] = format_of(data)
    return row | {"width": width, "height": height, "image": {"bytes": data, "path": name}, "reason": None}
