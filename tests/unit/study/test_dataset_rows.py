"""Rows of Parquet files are found by their generator, in order, without reading what is not needed."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aedr.errors import UserError
from aedr.study.datasets import list_rows, split_row

KEY = "models.flux.dataset"


def write(path: Path, rows: dict[str, Any], row_group_size: int = 3, metadata: dict[str, str] | None = None) -> None:
    """Write a file in Hugging Face's form; its images are bytes in structs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(next(iter(rows.values())))
    images = pa.array(
        [{"bytes": b"x", "path": None}] * count, pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )
    table = pa.table(rows | {"image": images}).replace_schema_metadata(metadata)
    pq.write_table(table, path, row_group_size=row_group_size)


def entry(below: Path, **changes: Any) -> dict[str, Any]:
    chosen = {"folder": str(below), "files": "**/*.parquet", "column": "model", "value": "flux", "image": "image"}
    return chosen | changes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "data/b.parquet", {"model": ["flux", "sdxl", None, "flux", "flux"]})
    write(
        tmp_path / "data/a.parquet",
        {"model": ["sdxl", "flux", "sdxl", "sd3", "flux", "flux", "sd3"], "size": [1.5] * 7},
    )
    write(tmp_path / ".cache/c.parquet", {"model": ["flux"]})
    return tmp_path


def test_the_first_rows_of_a_generator_come_in_the_order_of_files_and_rows(folder) -> None:
    assert list_rows(entry(folder), 5, KEY) == [
        *("data/a.parquet/1", "data/a.parquet/4", "data/a.parquet/5", "data/b.parquet/0", "data/b.parquet/3")
    ]
    assert list_rows(entry(folder, files="data/b*"), 9, KEY) == [f"data/b.parquet/{row}" for row in (0, 3, 4)]
    assert list_rows(entry(folder, value=["sd3", "sdxl"]), 9, KEY)[:4] == [
        f"data/a.parquet/{row}" for row in (0, 2, 3, 6)
    ]
    assert len(list_rows(entry(folder, column=None, value=None), 99, KEY)) == 12
    assert split_row("data/a.parquet/17") == ("data/a.parquet", 17)


def test_files_after_the_last_image_are_not_opened(folder) -> None:
    (folder / "data/z.parquet").write_text("version https://git-lfs.github.com/spec/v1")
    assert len(list_rows(entry(folder), 6, KEY)) == 6
    with pytest.raises(UserError, match=rf"{KEY}: .*z.parquet cannot be read as Parquet .* Git LFS pointer"):
        list_rows(entry(folder), 7, KEY)


def test_labels_and_numbers_find_the_same_rows(tmp_path) -> None:
    described = {"info": {"features": {"label": {"names": ["real", "fake"], "_type": "ClassLabel"}}}}
    write(tmp_path / "a.parquet", {"label": [0, 1, 1, 0]}, metadata={"huggingface": json.dumps(described)})
    expected = ["a.parquet/1", "a.parquet/2"]
    for value in ("fake", 1, ["fake", 1], "1"):
        assert list_rows(entry(tmp_path, column="label", value=value), 9, KEY) == expected
    write(tmp_path / "a.parquet", {"label": [False, True, True, False]})
    assert list_rows(entry(tmp_path, column="label", value=True), 9, KEY) == expected
    write(tmp_path / "a.parquet", {"label": pa.array(["a", "b", "b", "a"]).dictionary_encode()})
    assert list_rows(entry(tmp_path, column="label", value="b"), 9, KEY) == expected


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"folder": "nowhere"}, "dataset.folder: the folder nowhere does not exist"),
        ({"files": "train-*"}, "dataset.files: no file in .* is called train-"),
        ({"files": "/etc/*"}, "dataset.files: /etc/. is no pattern"),
        (
            {"column": "generator"},
            "dataset.column: .*a.parquet has no column generator. Its columns are model, size, image",
        ),
        ({"image": "picture"}, "dataset.image: .*a.parquet has no column picture. Its columns are model, size, image"),
        ({"image": "model"}, "dataset.image: the column model of .*a.parquet is string. Images must be the bytes"),
        ({"column": "image"}, "dataset.column: image in .*a.parquet is struct"),
        ({"column": "size"}, "dataset.column: size in .*a.parquet is double. Name a column of text"),
        ({"value": "FLUX"}, "dataset.value: no row of .* has FLUX in its column model. Its values are flux, sd3, sdxl"),
        # Even if the first value has enough images.
        ({"value": ["flux", "flx"]}, "has flx in its column model"),
    ],
)
def test_what_is_missing_is_named_with_what_there_is(folder, changes, message) -> None:
    with pytest.raises(UserError, match=message):
        list_rows(entry(folder, **changes), 2, KEY)
