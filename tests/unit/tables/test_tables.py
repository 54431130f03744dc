"""Tables refuse what they must not hold, and are whole when they exist."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aedr.errors import UserError
from aedr.tables import files
from aedr.tables.columns import COLUMNS
from aedr.tables.files import read_extremes, read_table, read_tables, write_parts, write_table
from aedr.tables.schemas import TABLES

ROW = {"image_id": "a/1", "source": "a", "group": "a/1", "homogeneity": 0.5, "reason": None}


def test_a_table_comes_back_as_it_was_written(tmp_path) -> None:
    write_table(
        tmp_path / "t.parquet", "homogeneity", [ROW, ROW | {"image_id": "a/2", "homogeneity": None}], {"x": "y"}
    )
    table = read_table(tmp_path / "t.parquet", "homogeneity")
    assert list(table["image_id"]) == ["a/1", "a/2"]
    assert table["homogeneity"].isna().tolist() == [False, True]
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize(
    "rows, message",
    [
        ([ROW, ROW], "not unique"),
        ([ROW | {"homogeneity": 1.5}], "outside"),
        ([ROW | {"image_id": None}], "image_id"),
        ([ROW | {"more": 1}], "more"),
    ],
)
def test_bad_rows_are_refused_and_leave_no_file(tmp_path, rows, message) -> None:
    with pytest.raises(ValueError, match=message):
        write_table(tmp_path / "t.parquet", "homogeneity", rows, {})
    with pytest.raises(ValueError, match=message):
        write_table(tmp_path / "t.parquet", "homogeneity", pd.DataFrame(rows), {})
    assert not list(tmp_path.iterdir())


def test_damaged_foreign_and_missing_files_are_named(tmp_path) -> None:
    write_table(tmp_path / "t.parquet", "homogeneity", [ROW], {})
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-9])
    for name, table in [("cut.parquet", "homogeneity"), ("t.parquet", "images"), ("none.parquet", "images")]:
        with pytest.raises(UserError, match=name):
            read_table(tmp_path / name, table)


def test_a_foreign_table_of_the_same_columns_is_refused(tmp_path) -> None:
    schema = TABLES["homogeneity"].schema
    good = {name: [value] for name, value in ROW.items()}
    pq.write_table(pa.table(good, schema=schema), tmp_path / "t.parquet")
    assert len(read_table(tmp_path / "t.parquet", "homogeneity")) == 1
    bad = {
        "types": pa.table(good | {"homogeneity": ["0.5"]}),
        "text": pa.table(good | {"image_id": pa.array([b"\xff"]).view(pa.string())}, schema=schema),
        "bounds": pa.table(good | {"homogeneity": [7.0]}, schema=schema),
        "rows": pa.table({name: values * 2 for name, values in good.items()}, schema=schema),
    }
    for name, table in bad.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
        with pytest.raises(UserError, match=name):
            read_table(tmp_path / f"{name}.parquet", "homogeneity")


def test_rows_and_extremes_are_those_of_the_whole_table(tmp_path) -> None:
    row = {"source": "s", "group": "g", "belonging": True, "split": "fitting"}
    parts = [
        [
            row | {"image_id": f"{i}", "autoencoder": name, "metric": metric, "residual": value}
            for i, value in enumerate(values)
            for metric in ("l1", "l2")
        ]
        for name, values in {"a": [3.0, None, 1.0], "b": [-2.0, 9.0, None], "c": [None]}.items()
    ]
    for part in parts:
        part[-1]["residual"] = 50.0 if part[-1]["metric"] == "l1" else part[-1]["residual"]
    file = tmp_path / "signals.parquet"
    write_parts(file, "signals", parts, {})
    whole = read_table(file, "signals")
    for only in ({"autoencoder": {"b"}}, {"autoencoder": {"c", "a"}, "metric": {"l2"}}, {"image_id": {"0", "none"}}):
        wanted = pd.concat([whole[column].isin(texts) for column, texts in only.items()], axis=1).all(axis=1)
        assert 0 < wanted.sum() < len(whole)
        pd.testing.assert_frame_equal(read_table(file, "signals", **only), whole[wanted].reset_index(drop=True))
    of_metric = whole.loc[whole["metric"] == "l2", "residual"]
    assert read_extremes(file, "signals", "residual", "l2") == (of_metric.min(), of_metric.max()) == (-2, 9)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(UserError, match="signals"):
        read_extremes(file, "signals", "residual", "l2")


def test_empty_shards_do_not_disturb_the_others(tmp_path) -> None:
    write_table(tmp_path / "a.parquet", "homogeneity", [], {})
    write_table(tmp_path / "b.parquet", "homogeneity", [ROW], {})
    assert len(read_tables([tmp_path / "a.parquet", tmp_path / "b.parquet"], "homogeneity")) == 1


def test_no_row_group_holds_more_pictures_than_arrow_can_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(files, "PICTURE_BYTES_OF_A_GROUP", 250)
    file = tmp_path / "t.parquet"
    rows = [{"image_id": f"a/{i}", "source": "a", "image": {"bytes": bytes(100), "path": None}} for i in range(5)]
    write_table(file, "images", [*rows, {"image_id": "a/none", "source": "a"}], {})
    groups = [pq.ParquetFile(file).metadata.row_group(i).num_rows for i in range(3)]
    assert groups == [2, 2, 2]
    assert list(read_table(file, "images")["image_id"]) == [*(row["image_id"] for row in rows), "a/none"]


def test_every_column_is_some_tables_and_every_key_is_never_empty() -> None:
    assert {column for table in TABLES.values() for column in table.columns} == set(COLUMNS)
    for table in TABLES.values():
        assert set(table.key) <= set(table.required) and not set(table.required) & set(table.optional)
        assert set(table.bounds) <= set(table.columns)
