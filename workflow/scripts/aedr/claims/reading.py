"""Read the claims of a picture's file, from every place that may hold some."""

from collections.abc import Mapping

from PIL import ExifTags

from aedr.claims.carriers import read_carried
from aedr.claims.claims import Claims
from aedr.claims.credentials import ELSEWHERE, read_credentials
from aedr.claims.generators import mentioned_generator, read_generation, texts_of_comment
from aedr.claims.hidden_text import read_hidden_text
from aedr.claims.watermarks import is_decoder_installed, read_watermarks
from aedr.claims.xmp import CREDIT, DESCRIPTION, PROVENANCE, SOFTWARE, SOURCE_TYPE, read_xmp, source_type
from aedr.errors import UnusableImage
from aedr.images.pictures import decode_image

# The places, as the column `claimed_in` names them.
PNG_TEXT, EXIF, COMMENT, HIDDEN_TEXT = "PNG text", "EXIF", "EXIF UserComment", "hidden alpha text"
XMP, IPTC, CREDENTIALS, WATERMARK = "XMP", "IPTC DigitalSourceType", "Content Credentials", "watermark"


def read_claims(data: bytes, max_pixels: int) -> dict[str, str | None]:
    """Return the columns of the claims table that come from the file itself; nothing that it holds raises an error.

    Args:
        max_pixels: a picture with more is not decoded to look for what its pixels hide.
    """
    claims = Claims()
    carried = read_carried(data, claims)
    with claims.reading(PNG_TEXT):
        claims.add(PNG_TEXT, read_generation(carried.texts))
    with claims.reading(HIDDEN_TEXT):
        hidden = read_hidden_text(data, max_pixels)
        claims.add(HIDDEN_TEXT, read_generation(texts_of_comment(hidden)) if hidden else {})
    _read_exif(carried.exif, claims)
    with claims.reading(CREDENTIALS):
        claims.add(CREDENTIALS, read_credentials(data))
    if carried.xmp:
        _read_xmp(carried.xmp, claims)
    with claims.reading(PNG_TEXT):
        _read_software(PNG_TEXT, carried.texts.get("Software"), claims)
    with claims.reading(WATERMARK):
        claims.add(WATERMARK, {"watermark": _read_watermarks(data, max_pixels)})
    return claims.to_row()


def _read_exif(exif: Mapping[int, str], claims: Claims) -> None:
    with claims.reading(COMMENT):
        comment = exif.get(ExifTags.Base.UserComment)
        claims.add(COMMENT, read_generation(texts_of_comment(comment)) if comment else {})
    with claims.reading(EXIF):
        names = [exif[tag] for tag in (ExifTags.Base.Make, ExifTags.Base.Model) if tag in exif]
        # ComfyUI writes its graphs into WebP files as "prompt:{...}" and "workflow:{...}".
        graphs = {key: text for key, colon, text in (name.partition(":") for name in names) if text.startswith("{")}
        claims.add(EXIF, read_generation(graphs) if graphs else {"claimed_camera": " ".join(names)})
        _read_software(EXIF, exif.get(ExifTags.Base.Software), claims)


def _read_xmp(packet: bytes, claims: Claims) -> None:
    with claims.reading(XMP):
        found = read_xmp(packet)
        claims.add(XMP, read_generation({"Description": found.get(DESCRIPTION, "")}))
        _read_software(XMP, found.get(SOFTWARE), claims)
        # A credit line often has a person's name, so it is not kept.
        _read_mention(XMP, found.get(CREDIT), claims)
        if SOURCE_TYPE in found:
            claims.add(IPTC, {"claimed_source_type": source_type(found[SOURCE_TYPE])})
        if PROVENANCE in found and claims.first("credentials_validity") is None:
            claims.add(XMP, {"credentials_validity": ELSEWHERE})


def _read_software(place: str, text: str | None, claims: Claims) -> None:
    claims.add(place, {"claimed_software": text})
    _read_mention(place, text, claims)


def _read_mention(place: str, text: str | None, claims: Claims) -> None:
    """Add the generator that a text names, if nothing else named one."""
    if claims.first("claimed_generator") is None:
        claims.add(place, {"claimed_generator": mentioned_generator(text)})


def _read_watermarks(data: bytes, max_pixels: int) -> list[str]:
    if not is_decoder_installed():
        return []
    try:
        return read_watermarks(decode_image(data, max_pixels, upright=False))
    except UnusableImage:
        return []
