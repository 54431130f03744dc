"""Encoded pictures of every format, damaged in every way, and what must be true of what the reader makes of them."""

import hashlib
import io
import struct
import zlib

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 (registers its format)
from hypothesis import strategies as st
from PIL import Image

from aedr.images.existing import describe_existing
from aedr.images.homogeneity import read_grey
from aedr.images.pictures import decode_image, describe_image, format_of, picture_shape
from aedr.observations.storage import obstacle_of_storage

pillow_heif.register_heif_opener()

# Small, so that a damaged header which claims a large picture is refused and not decoded.
MAX_PIXELS = 1_000_000

# Values at which readers of headers go wrong.
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    """Return a picture in a format."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def run_length_bitmap(width: int, height: int, body: bytes) -> bytes:
    """Return a BMP of 8 bits a pixel with the run-length encoded `body`."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    start = 14 + len(header) + 1024
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + bytes(range(256)) * 4 + body


def _collage(picture: Image.Image) -> Image.Image:
    whole = Image.new("RGB", (160, 160), "white")
    for place in ((8, 8), (84, 8), (8, 84), (84, 84)):
        whole.paste(picture.resize((68, 68)), place)
    return whole


def _window(picture: Image.Image) -> Image.Image:
    window = picture.resize((96, 96)).convert("RGBA")
    window.putpixel((0, 0), (0, 0, 0, 0))
    return window


def _pictures() -> dict[str, bytes]:
    noise = np.random.default_rng(0)
    colour = Image.fromarray(np.kron(noise.integers(0, 256, (5, 6, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8)))
    deep = Image.fromarray(noise.integers(0, 2**16, (20, 24), dtype=np.uint16))
    other = colour.transpose(Image.Transpose.ROTATE_180)
    exif = Image.Exif()
    exif[0x0112] = 6

    def several(form: str) -> bytes:
        # Copies, since saving leaves one format's settings for the next.
        return encoded(colour.copy(), form, save_all=True, append_images=[other.copy()])

    pictures = {f"png {mode}": encoded(colour.convert(mode), "PNG") for mode in ("RGB", "RGBA", "P", "L", "LA", "1")}
    pictures |= {f"tiff {c}": encoded(colour, "TIFF", compression=c) for c in ("raw", "tiff_lzw", "tiff_deflate")}
    pictures |= {f"tiff {c}": encoded(colour, "TIFF", compression=c) for c in ("jpeg", "packbits")}
    return pictures | {
        "png 16 bit": encoded(deep, "PNG"),
        "png animated": several("PNG"),
        "png described": encoded(colour, "PNG", exif=exif, icc_profile=bytes(200), dpi=(72, 72)),
        "jpeg": encoded(colour, "JPEG"),
        "jpeg progressive": encoded(colour, "JPEG", progressive=True),
        "jpeg grey": encoded(colour.convert("L"), "JPEG"),
        "jpeg cmyk": encoded(colour.convert("CMYK"), "JPEG"),
        "jpeg described": encoded(colour, "JPEG", exif=exif, icc_profile=bytes(200), comment=b"a comment"),
        "jpeg of two": several("MPO"),
        "webp": encoded(colour, "WEBP"),
        "avif": encoded(colour, "AVIF"),
        "avif animated": several("AVIF"),
        "avif opaque": encoded(colour.convert("RGBA"), "AVIF", quality=90),
        "webp lossless": encoded(colour.convert("RGBA"), "WEBP", lossless=True, exif=exif),
        "webp animated": several("WEBP"),
        "bmp": encoded(colour, "BMP"),
        "bmp palette": encoded(colour.convert("P"), "BMP"),
        "bmp run lengths": run_length_bitmap(24, 2, b"\x18\x07\0\0\x0a\x01\0\x04abcd\x0a\x02\0\1"),
        "jpeg 2000": encoded(colour, "JPEG2000"),
        "heic": encoded(colour, "HEIF"),
        "jpeg xl": encoded(colour, "JXL"),
        "collage": encoded(_collage(colour), "PNG"),
        "window": encoded(_window(colour), "PNG"),
        "png low end": encoded(Image.fromarray(np.asarray(colour.convert("L"), np.uint16)), "PNG"),
        "tiff 16 bit": encoded(deep, "TIFF"),
        "tiff float": encoded(colour.convert("F"), "TIFF"),
        "tiff palette": encoded(colour.convert("P"), "TIFF"),
        "tiff pages": several("TIFF"),
        "gif": encoded(colour, "GIF", comment=b"a comment"),
        "gif animated": several("GIF"),
    }


PICTURES = _pictures()


def repair_png(data: bytes) -> bytes:
    """Return a PNG with the checksums that its chunks should have, without which no reader looks into them."""
    repaired, position = data[:8], 8
    while position + 12 <= len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        body = data[position + 4 : position + 8 + length]
        repaired += data[position : position + 4] + body + struct.pack(">I", zlib.crc32(body))
        position += 12 + length
    return repaired


@st.composite
def hostile_pictures(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a kind of damage and a picture with it."""
    names = st.sampled_from(sorted(PICTURES))
    name = draw(names)
    data = bytearray(PICTURES[name])
    kind = draw(st.sampled_from(["bytes", "numbers", "cut", "spliced", "repeated", "moved", "anything"]))
    if kind == "anything":
        return kind, draw(st.binary(max_size=64)) + draw(st.sampled_from([b"", bytes(data[:16]), bytes(data)]))

    def place(margin: int = 1) -> int:
        # Half of all damage hits the header, where every byte means something.
        end = draw(st.sampled_from([min(64, len(data)), len(data)]))
        return draw(st.integers(0, max(end - margin, 0)))

    if kind == "bytes":
        for _ in range(draw(st.integers(1, 8))):
            data[place()] = draw(st.integers(0, 255))
    elif kind == "numbers":
        for _ in range(draw(st.integers(1, 3))):
            form, most = draw(st.sampled_from([("<H", 0xFFFF), (">H", 0xFFFF), ("<I", 0xFFFFFFFF), (">I", 0xFFFFFFFF)]))
            struct.pack_into(form, data, place(4), min(draw(st.sampled_from(EXTREMES)), most))
    elif kind == "cut":
        start = place()
        del data[start : draw(st.sampled_from([len(data), start + draw(st.integers(1, 64))]))]
    elif kind == "spliced":
        other = PICTURES[draw(names)]
        data = data[: place()] + other[draw(st.integers(0, len(other))) :]
    elif kind == "repeated":
        start = place()
        length = draw(st.integers(1, 128))
        data[start:start] = data[start : start + length] * draw(st.integers(1, 200))
    else:
        start, length = place(), draw(st.integers(1, 64))
        moved = data[start : start + length]
        del data[start : start + length]
        data[place() : 0] = moved
    if name.startswith("png") and draw(st.booleans()):
        return f"{kind}, PNG with right checksums", repair_png(bytes(data))
    return kind, bytes(data)


def check_picture(data: bytes) -> bool:
    """Check that a file ends as a picture whose row tells the truth, or as a row that says why not.

    Returns whether it was taken for a picture.
    """
    row = describe_image(data, "a.png", MAX_PIXELS)
    assert row == describe_image(data, "a.png", MAX_PIXELS), "the same file gives two rows"
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    check_rows(data)
    if row["reason"] is not None:
        reason = str(row["reason"])
        assert reason.encode() and " at 0x" not in reason and "Memory" not in reason, reason
        assert {row[key] for key in ("width", "height", "format")} == {None} and row["image"] is None
        return False
    pixels, shape = decode_image(data, MAX_PIXELS), (row["height"], row["width"])
    assert pixels.shape == (*shape, 3) and pixels.dtype == np.uint8 and 0 < pixels.size <= 3 * MAX_PIXELS
    assert row["image"] == {"bytes": data, "path": "a.png"}
    assert picture_shape(data) == shape, "the header and the pixels differ in shape"
    grey = read_grey(data)
    assert grey.shape == shape and grey.dtype == np.uint8, "grey differs in shape"
    # What a decoder leaves unwritten would be whatever the memory held.
    assert np.array_equal(pixels, decode_image(data, MAX_PIXELS)), "the same file gives other pixels"
    assert np.array_equal(grey, read_grey(data)), "the same file gives other grey values"
    return True


def check_rows(data: bytes) -> None:
    """Check that a file of a query has a row of its own, and that all its rows are pictures or say why not."""
    first, *parts = rows = describe_existing([("a.png", data)], "query", MAX_PIXELS, None, with_parts=True)
    assert rows == describe_existing([("a.png", data)], "query", MAX_PIXELS, None, with_parts=True)
    assert first["image_id"] == "query/a.png" and len({row["image_id"] for row in rows}) == len(rows) <= 17
    for row in rows:
        assert (row["image"] is None) == (row["reason"] is not None)
        if row["image"] is not None:
            encoded_again = row["image"]["bytes"]
            assert decode_image(encoded_again).shape == (row["height"], row["width"], 3)
            obstacle_of_storage(encoded_again, row["format"])
            assert row["format"] in (format_of(encoded_again), "HEIF", "JXL")
    assert all(row["reason"] is None for row in parts)
