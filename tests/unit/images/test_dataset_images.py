"""Images are read from Parquet files by their rows: unchanged, and nothing else is read."""

import hashlib
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from aedr.errors import UserError
from aedr.images.datasets import read_images
from aedr.tables.files import read_table
from read_dataset import read_dataset


@pytest.mark.parametrize("form", ["structs", "bytes", "large bytes"])
def test_rows_are_found_across_row_groups_and_batches(tmp_path: Path, form: str) -> None:
    contents = [None if row == 41 else f"image {row}".encode() for row in range(100)]
    if form == "structs":
        images = pa.array([{"bytes": data, "path": f"{row}.png"} for row, data in enumerate(contents)])
    else:
        images = pa.array(contents, pa.binary() if form == "bytes" else pa.large_binary())
    pq.write_table(pa.table({"picture": images, "other": [b"x"] * 100}), tmp_path / "a.parquet", row_group_size=40)
    rows = [0, 15, 16, 39, 40, 41, 99]
    assert list(read_images(tmp_path / "a.parquet", rows, "picture")) == [(row, contents[row]) for row in rows]
    with pytest.raises(UserError, match="has only 100 rows"):
        list(read_images(tmp_path / "a.parquet", [3, 100], "picture"))


def test_row_groups_without_wanted_rows_are_not_read(tmp_path: Path, monkeypatch) -> None:
    pq.write_table(pa.table({"image": [b"x"] * 90, "other": [b"y"] * 90}), tmp_path / "a.parquet", row_group_size=30)
    asked = []
    read = pq.ParquetFile.iter_batches

    def watched(self, **options):
        asked.append((options["row_groups"], options["columns"]))
        return read(self, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    assert [row for row, _ in read_images(tmp_path / "a.parquet", [31, 59], "image")] == [31, 59]
    assert asked == [([1], ["image"])]


def test_a_row_without_a_usable_image_says_why(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24), (40, 90, 200)).save(buffer, "PNG")
    picture = buffer.getvalue()
    images = [picture, None, b"no picture", picture + bytes(5000)]
    pq.write_table(pa.table({"image": images}), tmp_path / "a.parquet")
    names = [f"a.parquet/{row}" for row in range(4)]
    read_dataset(
        folder=str(tmp_path),
        names=names,
        column="image",
        source="made",
        output=str(tmp_path / "images.parquet"),
        max_pixels=10**6,
        max_bytes=5000,
    )
    table = read_table(tmp_path / "images.parquet", "images")
    assert list(table["image_id"]) == [f"made/{name}" for name in names]
    first = table.iloc[0]
    assert first["image"]["bytes"] == picture and first["sha256"] == hashlib.sha256(picture).hexdigest()
    assert (first["format"], first["width"], first["height"]) == ("PNG", 32, 24)
    reasons = ["the data set has no bytes", "cannot be decoded", "the image is larger than max_bytes (5000)"]
    assert [reason for reason, given in zip(reasons, table["reason"][1:], strict=True) if reason in given] == reasons


def test_images_of_a_data_set_are_cut_and_named_like_those_of_a_folder(tmp_path: Path, capsys) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((300, 200), 60).convert("RGB").save(buffer, "PNG")
    pq.write_table(pa.table({"image": [buffer.getvalue(), b"no picture"]}), tmp_path / "a.parquet")
    read_dataset(
        folder=str(tmp_path),
        names=["a.parquet/0", "a.parquet/1"],
        column="image",
        source="real",
        output=str(tmp_path / "images.parquet"),
        max_pixels=10**6,
        max_bytes=10**6,
        crop_to=192,
    )
    table = read_table(tmp_path / "images.parquet", "images")
    assert table.loc[0, ["height", "width"]].tolist() == [192, 192]
    assert table.loc[0, "sha256"] == hashlib.sha256(buffer.getvalue()).hexdigest()
    said = capsys.readouterr().err
    assert "Warning: real/a.parquet/1 is not used: cannot be decoded" in said
    assert "Warning: real: of 1 of 2 images only the middle is used" in said


def test_a_file_that_changed_after_planning_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(UserError, match=r"a.parquet cannot be read .* Repair it"):
        list(read_images(tmp_path / "a.parquet", [0], "image"))
