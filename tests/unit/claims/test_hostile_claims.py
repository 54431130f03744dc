"""Claims that are made to harm: they cost little, are named in the row, and take no other claim away."""

import gzip
import json
import time
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import claiming_pictures as files
import misbehaving
import read_claims as script
from aedr.claims.claims import UnreadableClaim
from aedr.claims.isolation import Apart
from aedr.claims.reading import read_claims
from aedr.images.existing import describe_existing
from aedr.tables.files import read_table, write_table

GOOD = files.png({"parameters": files.INFOTEXT})
BOMB = zlib.compress(bytes(2**28))
ENTITIES = b'<!DOCTYPE x [<!ENTITY a "%s">]><x>&a;</x>' % (b"a" * 100)
DEEP = "[" * 10**6
LONG_CHAIN = json.dumps(
    {
        str(n): {"class_type": "KSampler", "inputs": {"model": [str(n + 1), 0], "sampler_name": "x"}}
        for n in range(20_000)
    }
)
# The pattern of sd_parsers for hashes looks for an end from each of these.
QUADRATIC = "Steps: 1, Sampler: a, Seed: 1, " + "Hashes:{" * 2**19


def hidden_bomb() -> bytes:
    image = Image.open(files.io.BytesIO(files.hiding("x")))
    alpha = np.asarray(image.getchannel("A")).T.ravel().copy()
    body = b"stealth_pngcomp" + (8 * 700).to_bytes(4, "big") + gzip.compress(bytes(2**19))[:700]
    bits = np.unpackbits(np.frombuffer(body, np.uint8))
    alpha[: len(bits)] = 254 + bits
    image.putalpha(Image.fromarray(alpha.reshape(image.width, image.height).T.copy()))
    return files.encoded(image, "PNG")


HARMFUL = {
    "a compressed text of 256 MB": (b"zTXt", b"Comment\0\0" + BOMB, "PNG text"),
    "a compressed text of 256 MB in UTF-8": (b"iTXt", b"Comment\0\1\0\0\0" + BOMB, "PNG text"),
    "XMP of 256 MB": (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB, "PNG text"),
    "a text of 8 MB": (b"tEXt", b"Comment\0" + bytes(2**23), "PNG text"),
    "a compressed text that is damaged": (b"zTXt", b"Comment\0\0xxxx", "PNG text"),
    "XMP with entities": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + ENTITIES, "XMP"),
    "XMP that is no XML": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x>", "XMP"),
    "XMP that is nested deep": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<x>" * 3 * 10**5, "XMP"),
    "EXIF that is damaged": (b"eXIf", b"II*\0\xff\xff\xff\xff", None),
    "EXIF that is none": (b"eXIf", b"xxxx", "EXIF"),
    "a graph that is nested deep": (b"tEXt", b"prompt\0" + DEEP.encode(), None),
    "a graph of a long chain": (b"tEXt", b"Comment\0" + LONG_CHAIN.encode(), None),
    "XMP of 2 MB": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<x>" * 2**19, "XMP"),
    "parameters of 4 MB": (b"tEXt", b"Dream\0" + QUADRATIC.encode()[: 2**22 - 9], None),
    "boxes of Content Credentials that are none": (
        b"caBX",
        b"\0\0\0\x20jumbc2pa" + b"\xff" * 500,
        "Content Credentials",
    ),
    "a chunk without an end": (b"caBX", b"", None),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_part_is_named_and_costs_little(name: str) -> None:
    kind, body, place = HARMFUL[name]
    start = time.process_time()
    row = read_claims(files.with_chunk(GOOD, kind, body), 10**7)
    assert time.process_time() - start < 5
    assert (place is None) or (row["reason"] or "").startswith(f"claims could not be read: {place}: ")
    assert len(str(row)) < 2000 and " at 0x" not in str(row)
    assert row["claimed_model"] == "v1-5-pruned-emaonly", "the other claim is lost"


def test_a_harmful_text_does_not_keep_a_hidden_one_from_being_read() -> None:
    data = files.with_chunk(files.hiding(files.INFOTEXT), b"zTXt", b"Comment\0\0" + BOMB)
    assert read_claims(data, 10**7)["claimed_in"] == "hidden alpha text"


def test_of_very_many_parts_only_the_first_are_read() -> None:
    data, bomb = GOOD, files.chunk(b"zTXt", b"Comment\0\0" + BOMB[: 2**13])
    start = time.process_time()
    row = read_claims(data[:-12] + 3000 * bomb + data[-12:], 10**7)
    assert time.process_time() - start < 5 and row["claimed_generator"] == "Automatic1111"


def test_parameters_that_are_too_long_are_named() -> None:
    row = read_claims(files.png({"parameters": QUADRATIC[: 2**17]}), 10**7)
    assert row["reason"] == "claims could not be read: PNG text: parameters: more than 65536 characters"


def test_parameters_of_64_kb_in_the_worst_form_are_read_in_seconds() -> None:
    start = time.process_time()
    read_claims(files.png({"parameters": QUADRATIC[: 2**16]}), 10**7)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("data", [hidden_bomb(), files.hiding("x" * 99, size=(30, 10))], ids=["bomb", "too long"])
def test_a_hidden_text_that_is_not_what_it_says_is_named(data: bytes) -> None:
    assert (read_claims(data, 10**7)["reason"] or "").startswith("claims could not be read: hidden alpha text: ")


def test_a_picture_that_is_too_large_is_not_decoded_to_look_for_hidden_text() -> None:
    data = files.hiding(files.INFOTEXT)
    assert read_claims(data, 96 * 64)["claimed_generator"] == "Automatic1111"
    assert read_claims(data, 96 * 64 - 1)["claimed_generator"] is None


@pytest.mark.parametrize(
    "data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", GOOD[:40], GOOD[:-60], b"\xff\xd8\xff\xe1\xff\xff"]
)
def test_what_is_hardly_a_picture_is_still_a_row(data: bytes) -> None:
    row = read_claims(data, 10**7)
    assert " at 0x" not in (row["reason"] or "")


def test_a_reader_that_hangs_or_crashes_costs_its_own_file_alone() -> None:
    with Apart(misbehaving.misbehave, 5, answer="read") as read_apart:
        for data, reason in [(b"hang", "longer than 5 s"), (b"crash", "ended the process")]:
            assert read_apart(b"") == "read"
            with pytest.raises(UnreadableClaim, match=reason):
                read_apart(data)
        assert read_apart(b"") == "read"


def test_no_row_is_lost_and_files_of_unusable_images_are_read_too(tmp_path: Path) -> None:
    pictures = {
        "good.png": GOOD,
        "hidden.png": files.hiding(json.dumps(files.NOVELAI)),
        "broken.png": b"no picture",
        "gone.png": b"no picture either",
        "changed.png": b"nor this",
        "large.png": bytes(10**6),
    }
    folder = tmp_path / "query"
    folder.mkdir()
    rows = describe_existing(pictures.items(), "query", 10**7, None)
    rows[1] |= {"image": None, "width": None, "height": None, "reason": "transparent"}
    part = rows[0] | {"image_id": "query/good.png#xywh=0,0,32,32", "image": {"bytes": b"", "path": ""}, "width": 32}
    rows.insert(1, part)
    write_table(tmp_path / "images.parquet", "images", rows, {})
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
    (folder / "good.png").unlink()
    (folder / "gone.png").unlink()
    (folder / "changed.png").write_bytes(b"other bytes")
    script.read_claims(str(tmp_path / "images.parquet"), str(tmp_path / "claims.parquet"), str(folder), 10**7, 10**5)
    claims = read_table(tmp_path / "claims.parquet", "claims").set_index("image_id")
    assert list(claims.index) == [row["image_id"] for row in rows]
    # A part has what its file claims.
    assert claims.loc[part["image_id"]].drop("source").equals(claims.loc["query/good.png"].drop("source"))
    claims = claims.drop(part["image_id"])
    assert claims["claimed_generator"].dropna().to_dict() == {
        "query/good.png": "Automatic1111",
        "query/hidden.png": "NovelAI",
    }
    assert "but the image has 64x64" in claims.loc["query/good.png", "claims_in_words"]
    reasons = claims["reason"].dropna().str.removeprefix("claims could not be read: ").to_dict()
    assert reasons == {
        "query/broken.png": "metadata: of this kind of file they are not read",
        "query/gone.png": "No such file or directory",
        "query/changed.png": "the file has changed since it was imported",
        "query/large.png": "the file is larger than max_bytes (100000)",
    }
    assert b"aedr.c2pa-python" in pq.read_schema(tmp_path / "claims.parquet").metadata
