"""Reading and writing pictures: what counts as one, and what its pixels are."""

import hashlib
import io
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from aedr.errors import UnusableImage

Pixels = npt.NDArray[np.uint8]

# Pillow's own limit would raise before ours can name the key; opening a file decodes no pixel yet.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")

# Each scan of a JPEG goes over all its pixels, and takes a few bytes. The limit is libtiff's, for the same reason;
# encoders write about ten.
MAX_SCANS = 100
# What opens a segment: not the bytes inside a scan (FF 00), nor the restarts between its parts (FF D0 to FF D7).
JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)


def read_image_file(path: str | Path, max_bytes: int) -> bytes:
    """Return the bytes of a picture's file, of which no more than `max_bytes` and one are ever read.

    Raises:
        UnusableImage: the file is larger than `max_bytes`.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise UnusableImage(f"the file is larger than max_bytes ({max_bytes})")
    return data


def decode_image(data: bytes, max_pixels: int | None = None) -> Pixels:
    """Decode an encoded picture to RGB pixels, uint8, shape (height, width, 3).

    EXIF rotation is applied; CMYK, palette and grey are converted to RGB; 16-bit samples keep their high byte;
    an alpha channel that hides nothing is dropped.

    Args:
        max_pixels: a picture of more is refused before it is decoded. None for what a table of images holds, which was
            checked on its way there.

    Raises:
        UnusableImage: truncated or not a picture, animated, transparent, larger than `max_pixels`, or a JPEG of more
            than `MAX_SCANS` scans.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if max_pixels is not None and width * height > max_pixels:
                raise UnusableImage(f"{width}x{height} pixels are more than max_pixels ({max_pixels})")
            # A camera's multi-picture JPEG holds the photograph first and its thumbnail or depth map behind it. How
            # many frames there are is not asked: counting them takes a TIFF's number of pages squared.
            if getattr(image, "is_animated", False) and image.format != "MPO":
                raise UnusableImage("animated or multi-page")
            if image.format in ("JPEG", "MPO") and _count_scans(data) > MAX_SCANS:
                raise UnusableImage(f"a JPEG of more than {MAX_SCANS} scans, which takes long to decode")
            image.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except UnusableImage:
        raise
    except UnidentifiedImageError:
        raise UnusableImage(f"cannot be decoded: not a picture as {', '.join(FORMATS)}") from None
    # A damaged file makes Pillow's decoders raise almost anything; whatever it is, the file is not a picture.
    except Exception as error:
        raise UnusableImage(f"cannot be decoded: {error or type(error).__name__}") from None


def _count_scans(data: bytes) -> int:
    """Return how many scans a JPEG has before its end (ITU-T T.81, B.1); what follows, a phone's video, is not its."""
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


def picture_shape(data: bytes) -> tuple[int, int]:
    """Return height and width, after EXIF rotation, of a picture that `decode_image` takes; decodes no pixel."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        # From 5 on, the orientations of EXIF exchange rows and columns.
        turned = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def encode_png(pixels: Pixels) -> bytes:
    """Encode RGB pixels (uint8, height x width x 3) as PNG, without metadata, so that equal pixels give equal bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def describe_image(data: bytes, name: str, max_pixels: int | None = None) -> dict[str, object]:
    """Return the columns of the image table that come from an encoded picture itself, bytes included.

    `reason` is None for a usable picture; otherwise it says why there is none, and size and bytes are None. Width and
    height are those of the decoded picture, after EXIF rotation.
    """
    row: dict[str, object] = {"format": None, "sha256": hashlib.sha256(data).hexdigest()}
    try:
        height, width, _ = decode_image(data, max_pixels).shape
    except UnusableImage as unusable:
        return row | {"width": None, "height": None, "image": None, "reason": str(unusable)}
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        row["format"] = image.format
    return row | {"width": width, "height": height, "image": {"bytes": data, "path": name}, "reason": None}
