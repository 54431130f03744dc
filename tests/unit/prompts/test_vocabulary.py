"""Vocabularies: the package's or a folder's, and their embeddings in a table."""

import sys
from pathlib import Path

import numpy as np
import pytest

import embed_vocabulary
from aedr.errors import UserError
from aedr.prompts.clip import Clip
from aedr.prompts.vocabulary import read_vocabulary
from aedr.study.prompt_files import KINDS
from aedr.tables.files import read_table
from phrases_and_pictures import FILES


def test_both_forms_of_every_artist_and_all_forms_of_every_site_compete(vocabulary_folder: Path) -> None:
    found = read_vocabulary(vocabulary_folder)
    assert tuple(found) == KINDS
    assert found["artist"] == [f"{form} {name}" for form in ("by", "inspired by") for name in FILES["artists.txt"]]
    assert found["trending"] == [
        *("flickr", "pixabay", "trending on flickr", "trending on pixabay"),
        *("featured on flickr", "featured on pixabay", "flickr contest winner", "pixabay contest winner"),
    ]
    assert found["medium"] == FILES["mediums.txt"]


def test_blank_lines_repeated_phrases_and_windows_line_ends_do_no_harm(vocabulary_folder: Path) -> None:
    path = vocabulary_folder / "flavors.txt"
    path.write_bytes("\ufeffbright\r\n\r\n dark \r\nbright\r\nline\u2028separator".encode())
    assert read_vocabulary(vocabulary_folder)["flavor"] == ["bright", "dark", "line\u2028separator"]


def test_the_installed_packages_phrases_are_the_default() -> None:
    found = read_vocabulary(None)
    assert {kind: len(phrases) for kind, phrases in found.items()} == {
        "medium": 95,
        "artist": 2 * 5265,
        "trending": 4 * 18,
        "movement": 200,
        "flavor": 100970 - 1 - 15,  # one blank line, fifteen repetitions
    }


def test_the_package_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    before = set(sys.modules)
    read_vocabulary(None)
    assert "clip_interrogator" not in set(sys.modules) - before


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="clip-interrogator.*not installed.*mediums.txt"):
        read_vocabulary(None)


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "cannot be read.*trendings.txt"), (b"", "no phrase"), (b"\n \n", "no phrase"), (b"\xff", "not UTF-8")],
)
def test_an_unusable_vocabulary_file_is_named(vocabulary_folder: Path, data: bytes | None, message: str) -> None:
    path = vocabulary_folder / "trendings.txt"
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError, match=message) as error:
        read_vocabulary(vocabulary_folder)
    assert str(path) in str(error.value)


def test_the_vocabulary_table_holds_every_phrase_once(
    clip_folder: Path, clip: Clip, vocabulary_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "vocabulary.parquet"
    embed_vocabulary.embed_vocabulary(str(vocabulary_folder), str(clip_folder), str(output), "cpu")
    table = read_table(output, "vocabulary")
    expected = read_vocabulary(vocabulary_folder)
    assert {kind: list(rows["phrase"]) for kind, rows in table.groupby("kind", sort=False)} == expected
    embedding = table.loc[table["phrase"] == "cubism", "embedding"].iloc[0]
    assert np.allclose(embedding, clip.embed_phrases(["cubism"], 1)[0], atol=1e-6)
