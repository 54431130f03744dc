"""Pictures without what is not pixels, so that no text or profile keeps them from being decoded."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Of a PNG, what decides pixels, frames and orientation (PNG Specification, Third Edition, 5.6). Texts, profiles and
# private chunks may be compressed, of any size, and damaged.
PNG_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"eXIf"}


def without_metadata(data: bytes) -> bytes:
    """Return a PNG without the chunks that do not change its pixels; any other file as it is."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    kept, start, at = [], 0, len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if name not in PNG_CHUNKS:
            if end > len(data):
                break
            kept.append(data[start:at])
            start = end
        if name == b"IEND":
            break
        at = end
    return b"".join([*kept, data[start:]]) if kept else data
