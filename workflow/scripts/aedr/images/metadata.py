"""Pictures without what is not pixels, so that no text or profile keeps them from being decoded."""

from collections.abc import Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Of a PNG, what decides pixels, frames and orientation (PNG Specification, Third Edition, 5.6). Texts, profiles and
# private chunks may be compressed, of any size, and damaged.
OF_PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"eXIf"}


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type of each chunk of a PNG, up to its end, and the whole chunk; its content is `chunk[8:-4]`."""
    position, kind = len(PNG_SIGNATURE), b""
    while position + 12 <= len(data) and kind != b"IEND":
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        yield kind, data[position : position + 12 + length]
        position += 12 + length


def without_metadata(data: bytes) -> bytes:
    """Return a PNG without the chunks that do not change its pixels; any other file as it is."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    return PNG_SIGNATURE + b"".join(chunk for kind, chunk in png_chunks(data) if kind in OF_PIXELS)
