"""Files that claim something, damaged in every way, and what must be true of the rows that they end as."""

import json
import struct

from hypothesis import strategies as st

import claiming_pictures as files
from aedr.claims.claims import LONGEST_VALUE, MOST_VALUES
from aedr.claims.reading import read_claims
from aedr.claims.words import claims_in_words
from aedr.tables.schemas import CLAIMS
from hostile_pictures import EXTREMES

MAX_PIXELS = 1_000_000
COMMENT = files.user_comment(files.INFOTEXT)
PACKET = files.xmp(f'Iptc4xmpExt:DigitalSourceType="{files.MADE_BY_MODEL}" photoshop:Credit="Made with Google AI"')
TEXTS = {
    "parameters": files.INFOTEXT,
    "prompt": json.dumps(files.graph(ckpt_name="a.safetensors")),
    "invokeai_metadata": json.dumps(files.INVOKEAI),
    "sd-metadata": json.dumps({"image": {"prompt": [{"prompt": "a"}], "sampler": "b", "width": 8, "height": 8}}),
    "Dream": '"a [b]" -s 50 -S 1 -W 512 -H 512 -C 7.5 -A k_lms',
    **files.NOVELAI,
}
FILES = {
    "png": files.png(TEXTS, exif=files.exif(COMMENT, Software="Midjourney", Make="Canon")),
    "png compressed": files.png({**TEXTS, "XML:com.adobe.xmp": PACKET.decode()}, compressed=True),
    "jpeg": files.encoded(files.picture(), "JPEG", exif=files.exif(COMMENT, Model="prompt:{}"), xmp=PACKET),
    "webp": files.encoded(files.picture(), "WEBP", exif=files.exif(COMMENT), xmp=PACKET),
    "avif": files.encoded(files.picture(), "AVIF", exif=files.exif(COMMENT), xmp=PACKET),
    "tiff": files.encoded(files.picture(), "TIFF", exif=files.exif(COMMENT)),
    "hidden": files.hiding(json.dumps(files.NOVELAI)),
    **{
        f"signed {form}": files.signed(
            files.encoded(files.picture(), form), files.CREATED, mime=f"image/{form.lower()}"
        )
        for form in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF")
    },
}
KEYS = (
    *("class_type", "inputs", "ckpt_name", "model", "model_name", "name", "sampler", "scheduler", "image", "prompt"),
    *("Comment", "base_model", "base_model_hash", "vae", "width", "height", "seed", "uc", "links", "nodes"),
)
# What generators write, with anything for its values.
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)


@st.composite
def hostile_claims(draw: st.DrawFn) -> bytes:
    """Draw a damaged file, or a PNG whose texts are JSON of any form under the keywords of generators."""
    if draw(st.booleans()):
        texts = draw(
            st.dictionaries(st.sampled_from([*TEXTS, "workflow"]), ANY_JSON.map(json.dumps) | st.text(), max_size=6)
        )
        return files.png({keyword: text.replace("\0", "") for keyword, text in texts.items()}, draw(st.booleans()))
    data = bytearray(FILES[draw(st.sampled_from(sorted(FILES)))])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 5))
        kind = draw(st.sampled_from(["byte", "number", "cut", "repeated"]))
        if kind == "byte":
            data[place] = draw(st.integers(0, 255))
        elif kind == "number":
            struct.pack_into(draw(st.sampled_from(["<I", ">I"])), data, place, draw(st.sampled_from(EXTREMES)))
        elif kind == "cut" and len(data) > 200:
            del data[place : place + draw(st.integers(1, 64))]
        elif kind == "repeated":
            data[place:place] = data[place : place + draw(st.integers(1, 64))] * draw(st.integers(1, 100))
    return bytes(data)


def check_claims(data: bytes) -> bool:
    """Check that a file ends as a row of short, printable lines, twice the same. Returns whether it claims anything."""
    row = read_claims(data, MAX_PIXELS)
    assert row == read_claims(data, MAX_PIXELS), "the same file claims two things"
    assert set(row) == {*CLAIMS, "reason"}
    for column, value in row.items():
        longest = (LONGEST_VALUE + 3) * (9 if column == "reason" else MOST_VALUES) + 30
        assert value is None or (value.isprintable() and 0 < len(value) <= longest), column
        assert " at 0x" not in (value or "")
    assert claims_in_words(row | {"width": 64, "height": 64}).isprintable()
    return row["claimed_in"] is not None
