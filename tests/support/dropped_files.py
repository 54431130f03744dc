"""A folder as an analyst drops it in: one picture in every kind of file that people have, and files that are none."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 (registers its format)
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

pillow_heif.register_heif_opener()


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def as_page(own: Image.Image) -> Image.Image:
    """Return a screenshot of a page that shows a picture beside text, with a caption."""
    page = Image.new("RGB", (320, 240), (250, 250, 250))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 320, 30), fill=(30, 60, 90))
    for row in range(10, 220, 14):
        draw.text((12, row), "lorem ipsum dolor sit", fill="black")
    page.paste(own, (201, 85))
    draw.text((201, 160), "a picture", fill="black")
    return page


def collage(pictures: list[Image.Image], side: int) -> Image.Image:
    """Return four pictures, of which each begins `side` pixels after that before it."""
    width = side + pictures[0].width
    whole = Image.new("RGB", (width, width), "white")
    for number, picture in enumerate(pictures):
        whole.paste(picture, (number % 2 * side, number // 2 * side))
    return whole


def rounded(own: Image.Image, radius: int) -> Image.Image:
    opacity = Image.new("L", own.size)
    ImageDraw.Draw(opacity).rounded_rectangle((0, 0, own.width - 1, own.height - 1), radius, fill=255)
    window = own.copy()
    window.putalpha(opacity)
    return window


def nearly_opaque(own: Image.Image) -> Image.Image:
    """Return a picture with a text in the lowest bit of its opacity, as image generators hide it."""
    bits = np.random.default_rng(0).integers(0, 2, (own.height, own.width), dtype=np.uint8)
    return Image.fromarray(np.dstack([np.asarray(own), 254 + bits]))


def with_long_texts(own: Image.Image) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "steps: 20, " * 200_000, zip=True)
    info.add_itxt("workflow", "{}" * 1_000_000, zip=True)
    return encoded(own, pnginfo=info)


def other_profile() -> bytes:
    """Return a colour profile of which red is green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def sixteen_bits(own: Image.Image, shift: int) -> bytes:
    _, data = cv2.imencode(".png", np.asarray(own)[..., ::-1].astype(np.uint16) << shift)
    return data.tobytes()


# Of a picture, the file and what must come of it: the right answer, or cannot say for a reason with these words.
KINDS: dict[str, tuple[Callable[[Image.Image], bytes], str | None]] = {
    "photo.jfif": (lambda own: encoded(own, "JPEG", quality=90), None),
    "photo.jpe": (lambda own: encoded(own, "JPEG", quality=90), None),
    "photo.jpg_large": (lambda own: encoded(own, "JPEG", quality=90), None),
    "photo.jpg_medium": (lambda own: encoded(own, "JPEG", quality=75), None),
    "no suffix": (lambda own: encoded(own), None),
    "a jpeg named.png": (lambda own: encoded(own, "JPEG", quality=90), None),
    "a webp named.jpg": (lambda own: encoded(own, "WEBP", lossless=True), None),
    "an avif named.jpg": (lambda own: encoded(own, "AVIF", quality=90), "AVIF"),
    "wallpaper.bmp": (lambda own: encoded(own, "BMP"), None),
    "scan.tif": (lambda own: encoded(own, "TIFF", compression="tiff_lzw"), None),
    "scan jpeg.tif": (lambda own: encoded(own, "TIFF", compression="jpeg", quality=95), "inside a TIFF"),
    "photo.jp2": (lambda own: encoded(own, "JPEG2000"), None),
    "IMG_0001.HEIC": (lambda own: encoded(own, "HEIF", quality=90), "HEIC"),
    "photo.jxl": (lambda own: encoded(own, "JXL", quality=90), "JPEG XL"),
    "without its end.jpg": (lambda own: encoded(own, "JPEG", quality=90)[:-2], None),
    "two pictures.mpo": (lambda own: encoded(own, "MPO", quality=90, save_all=True, append_images=[own.copy()]), None),
    "long texts.png": (with_long_texts, None),
    "hidden text.png": (lambda own: encoded(nearly_opaque(own)), None),
    "16 bit.png": (lambda own: sixteen_bits(own, 8), None),
    "8 bit in 16.png": (lambda own: sixteen_bits(own, 0), "lowest bits"),
    "srgb.png": (
        lambda own: encoded(own, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
        None,
    ),
    "wide gamut.png": (lambda own: encoded(own, icc_profile=other_profile()), None),
    "256 colours.gif": (lambda own: encoded(own, "GIF"), "palette"),
    "print.jpg": (lambda own: encoded(own.convert("CMYK"), "JPEG", quality=95), "CMYK"),
    "window.png": (lambda own: encoded(rounded(own, 6)), "opaque rectangle"),
    "truncated.jpg": (lambda own: encoded(own, "JPEG", quality=90)[:-200], "truncated"),
    "truncated.png": (lambda own: encoded(own)[:-200], "cannot be decoded"),
    "animated.gif": (lambda own: encoded(own, "GIF", save_all=True, append_images=[own.rotate(90)]), "animated"),
    "screenshot.png": (lambda own: encoded(as_page(own)), "pictures were found in it"),
    "caption.png": (lambda own: encoded(captioned(own)), "pictures were found in it"),
    "empty.png": (lambda own: b"", "empty"),
    "page.jpg": (lambda own: b"<!doctype html><title>404</title>", "web page"),
    "clip.mp4": (lambda own: b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + bytes(64), "video"),
    "notes.txt": (lambda own: b"not a picture", "cannot be decoded"),
    "pictures.zip": (lambda own: b"PK\x03\x04" + bytes(64), "archive"),
}


# How many pixels after each picture the next one begins; own images have 64.
COLLAGES = {"grid.png": 64, "grid with gaps.png": 72}


def captioned(own: Image.Image) -> Image.Image:
    bar = Image.new("RGB", (own.width, own.height + 36), "white")
    bar.paste(own)
    ImageDraw.Draw(bar).text((4, own.height + 12), "me", fill="black")
    return bar


def write_dropped_files(folder: Path, own: Image.Image, others: list[Image.Image]) -> None:
    """Write every kind of file that shows the picture `own`, and collages of it and three `others`."""
    folder.mkdir()
    for name, (make, _) in KINDS.items():
        (folder / name).write_bytes(make(own))
    for name, side in COLLAGES.items():
        (folder / name).write_bytes(encoded(collage([own, *others], side)))
    shutil.copy(folder / "no suffix", folder / ".hidden.png")
