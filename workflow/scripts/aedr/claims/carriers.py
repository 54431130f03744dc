"""The texts, EXIF and XMP that a picture's file carries, read within limits and, but for its container, undecoded."""

import itertools
import zlib
from dataclasses import dataclass, field

from PIL import ExifTags, Image

from aedr.claims.claims import Claims, UnreadableClaim
from aedr.images.metadata import PNG_SIGNATURE, png_chunks
from aedr.images.pictures import open_image

# Characters of one text, after decompression. Graphs of ComfyUI have some hundred thousand.
LONGEST_TEXT = 2**22
# Of the parts of a file that are read, damaged ones too.
MOST_PARTS = 32
# What piexif, and so the generators that use it, and the EXIF standard write before a comment.
ENCODINGS = {b"ASCII\0\0\0": "ascii", b"\0\0\0\0\0\0\0\0": "utf-8"}
UTF_16 = b"UNICODE\0"
EXIF_TAGS = (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software, ExifTags.Base.UserComment)


@dataclass
class Carried:
    """What a file carries: texts by their keywords, texts of EXIF by their tags (`EXIF_TAGS`), an XMP packet."""

    texts: dict[str, str] = field(default_factory=dict)
    exif: dict[int, str] = field(default_factory=dict)
    xmp: bytes | None = None


def read_carried(data: bytes, claims: Claims) -> Carried:
    """Return what a picture's file carries; what cannot be read is noted in `claims`."""
    carried = Carried()
    if data.startswith(PNG_SIGNATURE):
        _read_png(data, carried, claims)
        return carried
    with claims.reading("metadata"), open_image(data) as image:
        xmp = image.info.get("xmp")
        carried.xmp = xmp if isinstance(xmp, bytes) else None
        carried.exif = _read_exif(image.getexif())
    return carried


def _read_png(data: bytes, carried: Carried, claims: Claims) -> None:
    parts = ((kind, chunk[8:-4]) for kind, chunk in png_chunks(data) if kind in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"))
    for kind, body in itertools.islice(parts, MOST_PARTS):
        if kind == b"eXIf":
            with claims.reading("EXIF"):
                exif = Image.Exif()
                exif.load(body)
                carried.exif = _read_exif(exif)
        else:
            with claims.reading("PNG text"):
                keyword, text = _read_text(kind, body)
                if keyword == "XML:com.adobe.xmp":
                    carried.xmp = text.encode()
                carried.texts.setdefault(keyword, text)


def _read_text(kind: bytes, body: bytes) -> tuple[str, str]:
    """Return keyword and text of a chunk (PNG, third edition, 11.3.3)."""
    keyword, _, rest = body.partition(b"\0")
    is_compressed = kind == b"zTXt"
    if kind == b"iTXt":
        is_compressed, rest = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    elif is_compressed:
        rest = rest[1:]
    text = inflate(rest) if is_compressed else rest
    if len(text) > LONGEST_TEXT:
        raise UnreadableClaim(f"a text of more than {LONGEST_TEXT} bytes")
    return keyword.decode("latin-1"), text.decode("utf-8" if kind == b"iTXt" else "latin-1", errors="replace")


def inflate(data: bytes) -> bytes:
    """Decompress zlib or gzip data.

    Raises:
        UnreadableClaim: it is more than `LONGEST_TEXT`.
        zlib.error: it is damaged.
    """
    text = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, LONGEST_TEXT + 1)
    if len(text) > LONGEST_TEXT:
        raise UnreadableClaim(f"a compressed text of more than {LONGEST_TEXT} bytes")
    return text


def _read_exif(exif: Image.Exif) -> dict[int, str]:
    """Return the texts of an EXIF block among `EXIF_TAGS`."""
    values = {tag: exif.get(tag) for tag in EXIF_TAGS}
    values[ExifTags.Base.UserComment] = _decode_comment(exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment))
    return {tag: value[:LONGEST_TEXT] for tag, value in values.items() if isinstance(value, str)}


def _decode_comment(comment: object) -> object:
    if not isinstance(comment, bytes):
        return comment
    prefix, text = comment[:8], comment[8 : 8 + LONGEST_TEXT]
    if prefix == UTF_16:
        # Either byte order is found in files, whatever order the block itself has. Text has more zeros in high bytes.
        little = text[1::2].count(0) > text[::2].count(0)
        return text.decode("utf-16-le" if little else "utf-16-be", errors="replace")
    encoding = ENCODINGS.get(prefix)
    return text.decode(encoding, errors="replace") if encoding else comment.decode("utf-8", errors="replace")
