"""Reading and writing pictures: what counts as a picture, and what its pixels are."""

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from aedr.errors import TransparentImage, UnusableImage
from aedr.images.metadata import without_metadata

Pixels = npt.NDArray[np.uint8]

# Pillow's own limit would raise before ours, whose message names the key. Opening a file decodes no pixels yet.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000")

# Of 255: nobody sees that less is missing. Image generators hide text in the lowest bit of the opacity.
OPAQUE = 250
# 16-bit files that hold samples of 8, 10 or 12 bits show as black.
LOW_ENDS = (8, 10, 12)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

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

    EXIF rotation is applied; CMYK, palette and grey are converted to RGB; 16-bit samples keep their high byte, or, if
    they use only the lowest 8, 10 or 12 bits, the highest 8 of these; an opacity of `OPAQUE` and more is dropped, and
    colours are those that are stored. Texts and profiles are not looked at.

    Args:
        max_pixels: a picture with more is refused before it is decoded. None for a picture from a table of images,
            which was already checked.
        upright: apply EXIF rotation; otherwise pixels are as they are stored.

    Raises:
        TransparentImage: some pixels are less opaque than `OPAQUE`.
        UnusableImage: truncated or not a picture, animated, larger than `max_pixels`, or a JPEG with more than
            `MAX_SCANS` scans.
    """
    try:
        with open_image(data) as image:
            width, height = image.size
            if max_pixels is not None and width * height > max_pixels:
                raise UnusableImage(f"{width}x{height} pixels are more than max_pixels ({max_pixels})")
            # A camera's multi-picture JPEG (MPO) starts with the photograph; a thumbnail or depth map follows. The
            # frames are not counted: for a TIFF, the time grows with the square of the number of pages.
            if getattr(image, "is_animated", False) and image.format != "MPO":
                raise UnusableImage("animated or multi-page")
            if image.format in ("JPEG", "MPO") and _count_scans(data) > MAX_SCANS:
                raise UnusableImage(f"a JPEG with more than {MAX_SCANS} scans, which takes long to decode")
            is_deep = _is_deep(image)
            image.load()
            turn = TURNS.get(orientation_of(image)) if upright else None
            rgb = _to_rgb(image)
            if is_deep and np.asarray(rgb).max() < 16:
                raise UnusableImage("16-bit samples that use only their lowest bits: save it with 8 bits a sample")
            return np.asarray(rgb if turn is None else rgb.transpose(turn))
    except UnusableImage:
        raise
    except UnidentifiedImageError:
        raise UnusableImage(f"cannot be decoded: not a picture in one of the formats {', '.join(FORMATS)}") from None
    # Pillow's decoders may raise almost anything on a damaged file.
    except Exception as error:
        raise UnusableImage(f"cannot be decoded: {error or type(error).__name__}") from None


def open_image(data: bytes) -> Image.Image:
    """Open an encoded picture, whatever metadata it has; decodes no pixels yet. Raises what Pillow raises."""
    return Image.open(io.BytesIO(without_metadata(data)), formats=FORMATS)


def orientation_of(image: Image.Image) -> int:
    """Return how EXIF says that a picture is turned, from 1 (not at all) to 8; 1 if its metadata are damaged."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    # Readers of EXIF may raise almost anything on damaged tags.
    except Exception:
        return 1


def _is_deep(image: Image.Image) -> bool:
    """Return whether a picture that is not loaded yet has 16-bit colours, of which Pillow keeps the high byte."""
    return image.mode in ("RGB", "RGBA") and any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))


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
        samples = np.asarray(image).astype(np.int64)
        return Image.fromarray((samples.clip(0, 65535) >> (sample_bits(samples) - 8)).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise UnusableImage("floating-point samples have no defined 8-bit meaning")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).min() < OPAQUE:
            raise TransparentImage("transparent pixels: flatten the picture onto a background first")
    return image.convert("RGB")


def sample_bits(samples: npt.NDArray[np.int64]) -> int:
    """Return how many of the 16 bits of a picture's samples it uses: 8, 10, 12, or 16."""
    return next((bits for bits in LOW_ENDS if samples.max() < 1 << bits), 16)


def format_of(data: bytes) -> str:
    """Return Pillow's name of the format of a picture that `decode_image` accepts; a camera's MPO is a JPEG."""
    with open_image(data) as image:
        return "JPEG" if image.format == "MPO" else str(image.format)


def picture_shape(data: bytes, upright: bool = True) -> tuple[int, int]:
    """Return height and width of a picture that `decode_image` accepts, upright or as stored; decodes no pixels."""
    with open_image(data) as image:
        width, height = image.size
        # EXIF orientations from 5 on swap rows and columns.
        turned = upright and orientation_of(image) in (5, 6, 7, 8)
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
