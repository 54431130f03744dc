"""Reading and writing pictures: what counts as one, and what its pixels are."""

import hashlib
import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from aedr.errors import UnusableImage

Pixels = npt.NDArray[np.uint8]

# Pillow's own limit would raise before ours can name the key; opening a file decodes no pixel yet.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")


def decode_image(data: bytes, max_pixels: int) -> Pixels:
    """Decode an encoded picture to RGB pixels, uint8, shape (height, width, 3).

    EXIF rotation is applied; CMYK, palette and grey are converted to RGB; 16-bit samples keep their high byte;
    an alpha channel that hides nothing is dropped.

    Raises:
        UnusableImage: truncated or not a picture, animated, transparent, or larger than `max_pixels`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise UnusableImage(f"{width}x{height} pixels are more than max_pixels ({max_pixels})")
            frames = getattr(image, "n_frames", 1)
            # A camera's multi-picture JPEG holds the photograph first and its thumbnail or depth map behind it.
            if frames > 1 and image.format != "MPO":
                raise UnusableImage(f"animated or multi-page ({frames} frames)")
            image.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except UnusableImage:
        raise
    except UnidentifiedImageError:
        raise UnusableImage(f"cannot be decoded: not a picture as {', '.join(FORMATS)}") from None
    # A damaged file makes Pillow's decoders raise almost anything; whatever it is, the file is not a picture.
    except Exception as error:
        raise UnusableImage(f"cannot be decoded: {error or type(error).__name__}") from None


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


def encode_png(pixels: Pixels) -> bytes:
    """Encode RGB pixels (uint8, height x width x 3) as PNG, without metadata, so that equal pixels give equal bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def describe_image(data: bytes, name: str, max_pixels: int) -> dict[str, object]:
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
