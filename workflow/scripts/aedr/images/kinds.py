"""What a file is that no decoder takes for a picture, and what its owner can do about it."""

import re

# Major and compatible brands of ISO base media files (ISO/IEC 14496-12, 4.3) that hold HEVC pictures.
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
HEIC = "HEIC: install pillow-heif in the environment of this step, or save it as PNG"
JPEG_XL = "JPEG XL: install pillow-jxl-plugin in the environment of this step, or save it as PNG"
VIDEO = "a video: save a frame of it as PNG"
ARCHIVE = "an archive: unpack it"
SIGNATURES = {
    b"\xff\x0a": JPEG_XL,
    b"\0\0\0\x0cJXL ": JPEG_XL,
    b"\x1aE\xdf\xa3": VIDEO,
    b"%PDF": "a PDF: save the pictures that it holds",
    b"PK\x03\x04": ARCHIVE,
    b"Rar!": ARCHIVE,
    b"7z\xbc\xaf": ARCHIVE,
    b"8BPS": "a Photoshop document: save it as PNG",
    b"gimp xcf": "a GIMP document: save it as PNG",
}
WEB_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
DRAWING = re.compile(rb"<svg\b", re.IGNORECASE)


def kind_of(data: bytes) -> str | None:
    """Return in words what a file is, and what to do, if it is of a kind that people take for pictures.

    The name of the file plays no part.
    """
    if not data:
        return "the file is empty: download or copy it again"
    if data[4:8] == b"ftyp":
        if HEIC_BRANDS & {data[8:12], *(data[at : at + 4] for at in range(16, min(data[3], len(data)), 4))}:
            return HEIC
        return VIDEO
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return VIDEO
    for signature, words in SIGNATURES.items():
        if data.startswith(signature):
            return words
    start = data[:1024].removeprefix(b"\xef\xbb\xbf")
    if WEB_PAGE.match(start):
        return "a web page, not a picture: save the picture that it shows"
    if DRAWING.search(start):
        return "a vector drawing (SVG), which no model of images puts out"
    return None
