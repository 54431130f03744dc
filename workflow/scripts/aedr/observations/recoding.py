"""WebP and AVIF, codecs whose losses are not linear: how a file was written."""

from collections.abc import Iterator
from typing import Any

from aedr.images.pictures import Pixels, encode

QUALITIES = range(0, 101)
# Of AVIF's chroma, by whether columns and rows are halved (AV1 Codec ISO Media File Format Binding, 2.3).
SUBSAMPLINGS = {(False, False): "4:4:4", (True, False): "4:2:2", (True, True): "4:2:0"}


def is_lossy(data: bytes, format: str | None) -> bool:
    """Return whether a file of Pillow's `format` is a lossy codec other than JPEG; every AVIF is taken for one."""
    return format == "AVIF" or (format == "WEBP" and b"VP8 " in _chunks(data))


def _chunks(data: bytes) -> Iterator[bytes]:
    """Yield the names of the chunks of a RIFF file."""
    at = 12
    while at + 8 <= len(data):
        yield data[at : at + 4]
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2


def subsampling_of(data: bytes, format: str) -> str | None:
    """Return the chroma subsampling of a lossy file as Pillow names it; None where the format has only one."""
    at = data.find(b"av1C")
    if format != "AVIF" or at < 0 or at + 6 >= len(data):
        return None
    flags = data[at + 6]
    return "4:0:0" if flags & 16 else SUBSAMPLINGS.get((bool(flags & 8), bool(flags & 4)))


def options_of(subsampling: str | None) -> dict[str, Any]:
    """Return the options with which Pillow's encoder of a lossy format subsamples chroma."""
    return {} if subsampling is None else {"subsampling": subsampling}


def likeliest_quality(pixels: Pixels, format: str, size: int, subsampling: str | None) -> int:
    """Return the quality at which the decoded pixels, encoded again, give a file nearest to `size` bytes.

    Files grow with quality, and a picture encoded twice with one quality gives files of nearly the same size.
    """

    def difference(quality: int) -> int:
        return len(encode(pixels, format, quality=quality, **options_of(subsampling))) - size

    low, high = QUALITIES[0], QUALITIES[-1]
    while high - low > 1:
        middle = (low + high) // 2
        if difference(middle) < 0:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda quality: abs(difference(quality)))
