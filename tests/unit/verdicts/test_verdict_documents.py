"""The document of each verdict: complete alone, of the shipped schema, and found on the page by its file's hash."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

import synthetic_verdicts
from aedr.pages.thumbnails import Thumbnail
from aedr.pages.verdicts import verdict_page
from aedr.verdicts.documents import ANSWERS, VERSION, verdict_documents
from aedr.verdicts.models import MODEL

SCHEMA = json.loads((Path(__file__).parents[3] / "workflow/schemas/verdict.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def query():
    return synthetic_verdicts.attribute_query()


def described(query, **columns) -> list[dict]:
    table, calibration, _ = query
    software = {"aedr": "f" * 64}
    promise = synthetic_verdicts.PROMISE
    return verdict_documents(table.assign(**columns), calibration, promise, "0" * 64, software, "verdicts.html")


def anchors(documents: list[dict]) -> list[str]:
    return [document["page"].removeprefix("verdicts.html#") for document in documents]


def test_every_answer_is_a_document_of_the_schema_and_survives_json(query) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    documents = described(query)
    assert (
        {document["verdict"] for document in documents} == set(ANSWERS) == set(SCHEMA["properties"]["verdict"]["enum"])
    )
    for document in documents:
        jsonschema.validate(document, SCHEMA)
        assert json.loads(json.dumps(document, allow_nan=False)) == document
        assert set(document) == set(SCHEMA["properties"]) and document["version"] == VERSION
    named = {document["name"]: document["answer"] for document in documents}
    assert named["family.png"] == "decoded by model-0"
    assert named["several.png"] == "decoded by one of model-0, model-1"


@pytest.mark.parametrize("key, value", [("verdict", "made by model-0"), ("page", "verdicts.html"), ("sha256", "0")])
def test_the_schema_refuses_what_is_no_such_document(query, key, value) -> None:
    document = described(query)[0]
    jsonschema.validate(document, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {key: value}, SCHEMA)
    del document[key]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_columns_that_are_unknown_here_are_kept(query) -> None:
    count = len(query[0])
    agreement = [True, None, *[False] * (count - 2)]
    documents = described(
        query, claims_in_words=["says so", *[np.nan] * (count - 1)], agreement=agreement, of=[["a"]] * count
    )
    assert documents[0]["further"] == {"claims_in_words": "says so", "agreement": True, "of": ["a"]}
    assert documents[1]["further"] == {"claims_in_words": None, "agreement": None, "of": ["a"]}
    for document in documents:
        jsonschema.validate(document, SCHEMA)


def test_an_anchor_is_the_hash_of_the_file_whatever_else_is_asked_about(query) -> None:
    first, other = "a" * 64, "a" * 16 + "b" * 48
    hashes = [first, "c" * 64, first, None, other, "d" * 64]
    found = anchors(described(query, sha256=hashes))
    # Strangers can make files whose hashes begin alike. One that was not read has the hash of its name.
    assert found[:3] == ["a" * 16, "c" * 16, "a" * 16] and found[4] == other
    table, calibration, reference = query
    alone = described((table.iloc[[3]], calibration, reference), sha256=[None])
    assert anchors(alone) == [found[3]] and alone[0]["sha256"] is None
    jsonschema.validate(alone[0], SCHEMA)


def test_images_of_one_file_are_told_apart_by_their_names(query) -> None:
    ids = [f"query/album.tif#{i}" for i in range(len(query[0]))]
    documents = described(query, image_id=ids, sha256="e" * 64)
    assert [document["name"] for document in documents] == [f"album.tif#{i}" for i in range(len(ids))]
    assert set(anchors(documents)) == {"e" * 16}


def test_a_size_that_is_unknown_is_no_number(query) -> None:
    sizes = pd.array([64, None, *[64] * (len(query[0]) - 2)], dtype="Float64")
    documents = described(query, width=sizes.to_numpy(dtype=float, na_value=np.nan))
    assert [document["width"] for document in documents][:2] == [64, None]


def test_the_second_stage_s_answer_is_part_of_the_document_where_it_was_asked(query) -> None:
    count = len(query[0])
    columns = {
        key: [value, *[None] * (count - 1)]
        for key, value in (synthetic_verdicts.MADE_BY | {"models": ["model-1"]}).items()
    }
    columns["model_verdict"][0] = MODEL
    documents = described(query, **columns)
    assert documents[0]["made_by"]["answer"] == "made by model-1"
    assert [entry["is_possible"] for entry in documents[0]["made_by"]["evidence"]] == [False, True]
    assert all(document["made_by"] is None for document in documents[1:])
    for document in documents:
        jsonschema.validate(document, SCHEMA)


def test_a_signal_that_is_only_bounded_says_so_in_the_document_and_on_the_page(query) -> None:
    table, calibration, reference = query
    (at,) = np.flatnonzero(table["image_id"] == "query/none.png")
    unmeasured = {"is_bounded": True, "corrected_p_value": None, "foreign_p_value": None, "foreign_source": None}
    assert not any(entry["is_bounded"] for entry in table["evidence"][at])
    evidence = [[entry | unmeasured for entry in row] if i == at else row for i, row in enumerate(table["evidence"])]
    documents = described(query, evidence=evidence)
    for document in documents:
        jsonschema.validate(document, SCHEMA)
    bounded = documents[at]["evidence"]
    assert all(entry["is_bounded"] and entry["says"].startswith("too far") for entry in bounded)
    thumbnail = Thumbnail("x.png", None, None, None, False, None, "not drawn")
    thumbnails = dict.fromkeys(table["image_id"], thumbnail)
    page = verdict_page(documents, thumbnails, calibration, reference, synthetic_verdicts.TABLES)
    assert all(f"<td>at least {entry['signal']:.3f}</td>" in page for entry in bounded)
    assert page.count("<td>not measured</td>") == 2 * len(bounded)
