"""WebP, a codec whose losses are not linear: with which quality a file was written."""

from collections.abc import Iterator

from aedr.images.pictures import Pixels, encode

QUALITIES = range(0, 101)


def is_lossy(data: bytes, format: str | None) -> bool:
    """Return whether a file of Pillow's `format` is one of a lossy codec other than JPEG."""
    return format == "WEBP" and b"VP8 " in _chunks(data)


def _chunks(data: bytes) -> Iterator[bytes]:
    """Yield the names of the chunks of a RIFF file."""
    at = 12
    while at + 8 <= len(data):
        yield data[at : at + 4]
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2


def likeliest_quality(pixels: Pixels, format: str, size: int) -> int:
    """Return the quality at which the decoded pixels, encoded again, give a file nearest to `size` bytes.

    Files grow with quality, and a picture encoded twice with one quality gives files of nearly the same size.
    """
    low, high = QUALITIES[0], QUALITIES[-1]
    while high - low > 1:
        middle = (low + high) // 2
        if len(encode(pixels, format, quality=middle)) < size:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda quality: abs(len(encode(pixels, format, quality=quality)) - size))
