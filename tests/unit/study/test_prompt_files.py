"""Prompts and captions in files that a person wrote."""

import subprocess
import sys
from pathlib import Path

import pytest

import aedr
import read_prompts
from aedr.errors import UserError
from aedr.study.prompt_files import count_prompts, match_captions, read_captions, read_prompt_file
from aedr.tables.files import read_table


def test_captions_match_by_name_relative_to_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text('\ufefffile,author,caption\nsub/a.png,me,"one,  two\nlines"\na.png,me,other\n', encoding="utf-8")
    captions = read_captions(path)
    assert captions == {"sub/a.png": "one, two lines", "a.png": "other"}
    assert match_captions(captions, ["set/a.png", "set/sub/a.png"], path) == {
        "set/a.png": "other",
        "set/sub/a.png": "one, two lines",
    }


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat\na dog\n", ["a cat", "a dog"]),
        ("a cat\n\n  \na cat", ["a cat", "a cat"]),
        ("001: a cat\r\n002: a dog: 2: three\r\n", ["a cat", "a dog: 2: three"]),
        ("7: a cat\n\n7: a cat\n", ["a cat", "a cat"]),
        ("001: a cat\na dog\n", ["001: a cat", "a dog"]),
        ("12:30 on a clock\n", ["12:30 on a clock"]),
        ("\ufeff001: Stéfan\n", ["Stéfan"]),
        ("one\u2028line\n", ["one\u2028line"]),
    ],
)
def test_prompt_files(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = write(tmp_path, text)
    assert read_prompt_file(path) == expected
    assert count_prompts(path) == len(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "has no prompts"), (" \n\n", "has no prompts"), ("001: a\n002: \n", "`002:` of .* has no prompt")],
)
def test_prompt_files_without_prompts(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        count_prompts(write(tmp_path, text))


def test_unreadable_prompt_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing.txt cannot be read"):
        count_prompts(tmp_path / "missing.txt")
    (tmp_path / "latin.txt").write_bytes("Stéfan".encode("latin-1"))
    with pytest.raises(UserError, match="latin.txt is not UTF-8"):
        count_prompts(tmp_path / "latin.txt")


def test_counting_prompts_imports_the_standard_library_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from aedr.study.prompt_files import count_prompts; "
        "from aedr.study.prompt_files import vocabulary_files; "
        f"print(count_prompts({str(write(tmp_path, 'a cat'))!r})); "
        "assert not {'numpy', 'pandas', 'torch', 'pyarrow'} & set(sys.modules)"
    )
    scripts = str(Path(next(iter(aedr.__path__))).parent)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": scripts}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


def test_the_prompts_table_of_a_file(tmp_path: Path) -> None:
    read_prompts.read_prompts(str(write(tmp_path, "001: a cat\n002: a cat\n")), str(tmp_path / "prompts.parquet"))
    table = read_table(tmp_path / "prompts.parquet", "prompts")
    assert table["prompt_id"].tolist() == ["00000", "00001"]
    assert table["prompt"].tolist() == ["a cat", "a cat"]
    assert table["image_id"].isna().all() and table["caption"].isna().all()
