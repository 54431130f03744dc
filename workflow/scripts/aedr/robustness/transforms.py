"""Damage: what can happen to an image after an autoencoder decoded it and before somebody asks about it.

Each operation is either a codec, which returns encoded bytes, or works on pixels. `config/README.md` lists them with
the ranges of their options. `aedr.study.transform_steps` explains how a transform is written.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from aedr.errors import UnusableImage
from aedr.images.pictures import Pixels, decode_image, encode_png
from aedr.study.transform_steps import DEFAULT_GRID, Steps, options_of

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Original:
    """What operations may know about the image before the first step, and its random generator."""

    width: int
    height: int
    chance: np.random.Generator


def _encode(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    try:
        picture.save(buffer, **options)
    except (OSError, ValueError) as error:
        raise UnusableImage(f"{picture.width}x{picture.height} pixels cannot be encoded: {error}") from None
    return buffer.getvalue()


def jpeg(picture: Image.Image, original: Original, quality: int, subsampling: str = "4:2:0") -> bytes:
    """Compress as JPEG, with chroma `subsampling` 4:4:4, 4:2:2 or 4:2:0."""
    return _encode(picture, format="JPEG", quality=quality, subsampling=subsampling)


def webp(picture: Image.Image, original: Original, quality: int) -> bytes:
    """Compress as lossy WebP, which always subsamples the chroma to 4:2:0."""
    return _encode(picture, format="WEBP", quality=quality)


def avif(picture: Image.Image, original: Original, quality: int, subsampling: str = "4:2:0") -> bytes:
    """Compress as AVIF, with chroma `subsampling` 4:4:4, 4:2:2 or 4:2:0."""
    return _encode(picture, format="AVIF", quality=quality, subsampling=subsampling)


def png(picture: Image.Image, original: Original) -> bytes:
    """Encode as PNG, which keeps every pixel."""
    return encode_png(np.asarray(picture))


def resize(picture: Image.Image, original: Original, scale: float, filter: str = "bicubic") -> Image.Image:
    """Resample both sides by `scale`, rounded to whole pixels."""
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    return picture.resize(size, FILTERS[filter])


def shrink(picture: Image.Image, original: Original, longest: int, filter: str = "bicubic") -> Image.Image:
    """Resample so that the longest side has `longest` pixels, the other in proportion; smaller images stay."""
    if max(picture.size) <= longest:
        return picture
    return ImageOps.contain(picture, (longest, longest), FILTERS[filter])


def restore_size(picture: Image.Image, original: Original, filter: str = "bicubic") -> Image.Image:
    """Resample to the size that the image had before the first step."""
    return picture.resize((original.width, original.height), FILTERS[filter])


def crop(picture: Image.Image, original: Original, rows: int, columns: int) -> Image.Image:
    """Cut off `rows` rows of pixels at the top and `columns` columns at the left."""
    if rows >= picture.height or columns >= picture.width:
        raise UnusableImage(f"{picture.width}x{picture.height} pixels: nothing is left after crop")
    return picture.crop((columns, rows, picture.width, picture.height))


def centre_crop(picture: Image.Image, original: Original, size: int, grid: int = DEFAULT_GRID) -> Image.Image:
    """Cut out a square with sides of `size` pixels near the middle, starting at multiples of `grid` pixels."""
    if min(picture.size) < size:
        raise UnusableImage(f"{picture.width}x{picture.height} pixels are too few: centre_crop needs {size}")
    left, top = ((side - size) // 2 // grid * grid for side in picture.size)
    return picture.crop((left, top, left + size, top + size))


def pad(picture: Image.Image, original: Original, rows: int, columns: int, colour: str = "black") -> Image.Image:
    """Add `rows` rows of pixels above and below, and `columns` columns at the left and the right."""
    return ImageOps.expand(picture, (columns, rows, columns, rows), fill=colour)


def blur(picture: Image.Image, original: Original, radius: float) -> Image.Image:
    """Blur with a Gaussian of standard deviation `radius` in pixels (Pillow's, an iterated box blur)."""
    return picture.filter(ImageFilter.GaussianBlur(radius))


def noise(picture: Image.Image, original: Original, levels: float) -> Image.Image:
    """Add Gaussian noise to every pixel and channel, with a standard deviation of `levels` on a scale of 0 to 255."""
    from skimage.util import img_as_ubyte, random_noise

    noisy = random_noise(np.asarray(picture), mode="gaussian", rng=original.chance, var=(levels / 255) ** 2)
    return Image.fromarray(img_as_ubyte(noisy))


def brightness(picture: Image.Image, original: Original, factor: float) -> Image.Image:
    """Multiply every value by `factor`; below 1 is darker."""
    return ImageEnhance.Brightness(picture).enhance(factor)


def contrast(picture: Image.Image, original: Original, factor: float) -> Image.Image:
    """Multiply every value's distance to the image's mean grey by `factor`; below 1 is flatter."""
    return ImageEnhance.Contrast(picture).enhance(factor)


def mirror(picture: Image.Image, original: Original) -> Image.Image:
    """Exchange left and right."""
    return ImageOps.mirror(picture)


def turn(picture: Image.Image, original: Original, degrees: int) -> Image.Image:
    """Turn counter-clockwise by 90, 180 or 270 `degrees`."""
    return picture.rotate(degrees, expand=True)


Operation = Callable[..., Image.Image | bytes]
OPERATIONS: dict[str, Operation] = {
    function.__name__: function
    for function in (
        jpeg,
        webp,
        avif,
        png,
        resize,
        shrink,
        restore_size,
        crop,
        centre_crop,
        pad,
        blur,
        noise,
        brightness,
        contrast,
        mirror,
        turn,
    )
}


def transform_image(data: bytes, steps: Steps, seed: int, max_pixels: int | None = None) -> bytes:
    """Return an encoded image after all steps: in the format of the last step if that is a codec, else as PNG.

    Without steps, the bytes are returned unchanged. `seed` is the seed of the image's noise.

    Raises:
        UnusableImage: the image cannot be decoded, becomes too small or larger than `max_pixels`, or has sides that a
            format does not allow.
    """
    if not steps:
        return data
    pixels: Pixels = decode_image(data)
    original = Original(pixels.shape[1], pixels.shape[0], np.random.default_rng(seed))
    current: Image.Image | bytes = Image.fromarray(pixels)
    for step in steps:
        operation, options = options_of(step)
        if isinstance(current, bytes):
            current = Image.fromarray(decode_image(current, max_pixels))
        current = OPERATIONS[operation](current, original, **options)
    return current if isinstance(current, bytes) else encode_png(np.asarray(current))
