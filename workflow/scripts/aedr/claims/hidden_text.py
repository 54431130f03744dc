"""Text that NovelAI and an extension of Automatic1111's web UI hide in the lowest bits of a PNG's alpha channel."""

import numpy as np

from aedr.claims.carriers import inflate
from aedr.claims.claims import UnreadableClaim
from aedr.images.metadata import PNG_SIGNATURE
from aedr.images.pictures import open_image

PLAIN, COMPRESSED = b"stealth_pnginfo", b"stealth_pngcomp"
START = len(PLAIN) + 4
# The header's bit depth and colour type of red, green, blue and alpha with 8 bits each.
RGBA = b"\x08\x06"


def read_hidden_text(data: bytes, max_pixels: int) -> str | None:
    """Return the text in the alpha channel of a PNG file, or None.

    A signature, the length in bits (4 bytes, big-endian) and the text run down the columns, a bit in each pixel.

    Args:
        max_pixels: a picture with more is not decoded.

    Raises:
        UnreadableClaim: the text is longer than the picture, or than `aedr.claims.carriers.LONGEST_TEXT`.
    """
    if not data.startswith(PNG_SIGNATURE) or data[24:26] != RGBA:
        return None
    with open_image(data) as image:
        if image.width * image.height > max_pixels:
            return None
        alpha = np.asarray(image.getchannel("A"))
    hidden = np.packbits(alpha.T.ravel() & 1).tobytes()
    if not hidden.startswith((PLAIN, COMPRESSED)):
        return None
    length = int.from_bytes(hidden[START - 4 : START], "big") // 8
    text = hidden[START : START + length]
    if len(text) < length:
        raise UnreadableClaim("a text that is longer than the picture")
    return (inflate(text) if hidden.startswith(COMPRESSED) else text).decode("utf-8")
