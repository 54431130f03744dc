"""Write and read the tables between the rules. They are checked each time, and are complete or do not exist."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aedr.errors import UserError
from aedr.files import replacing
from aedr.tables.columns import ANYTHING
from aedr.tables.schemas import TABLES

PICTURE_BYTES_OF_A_GROUP = 2**26


def write_table(
    path: str | Path, name: str, rows: pd.DataFrame | Iterable[Mapping[str, object]], metadata: Mapping[str, Any]
) -> None:
    """Check `rows` and write them as the table `name` to `path`, completely or not at all.

    `metadata` is stored in the file, values that are not text as JSON: `settings`, a mapping of what the rows depend on
    besides the tables that they were made from; versions of packages, by their names; `device`; `cost`. Columns that
    are not in the schema are an error.
    """
    write_parts(path, name, [rows], metadata)


def write_parts(
    path: str | Path,
    name: str,
    parts: Iterable[pd.DataFrame | Iterable[Mapping[str, object]]],
    metadata: Mapping[str, Any],
) -> None:
    """Write rows as `write_table` does, part by part, with only one part in memory.

    Each part is checked alone. The caller must make sure that no two parts have rows with the same key.
    """
    metadata = {"aedr.table": name} | {
        f"aedr.{key}": value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()
    }
    schema = TABLES[name].schema.with_metadata(metadata)
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        for rows in parts:
            table = _checked(rows, name, path).replace_schema_metadata(metadata)
            writer.write_table(table, row_group_size=_rows_of_a_group(table))
            # The next part must not be made beside this one.
            del rows, table


def _checked(rows: pd.DataFrame | Iterable[Mapping[str, object]], name: str, path: str | Path) -> pa.Table:
    schema = TABLES[name].schema
    if isinstance(rows, pd.DataFrame):
        unknown = sorted(set(rows.columns) - set(schema.names))
        # Without a value that has a type: a missing column of lists would be one of numbers.
        empty: dict[str, None] = dict.fromkeys(name for name in schema.names if name not in rows.columns)
        rows = rows.assign(**empty).reindex(columns=schema.names)
        table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False, safe=True)
    else:
        rows = list(rows)
        unknown = sorted({column for row in rows for column in row} - set(schema.names))
        table = pa.Table.from_pylist(rows, schema=schema)
    if unknown:
        raise ValueError(f"{path}: columns {unknown} are not in the table {name}")
    _check(table, name, path)
    return table


def _rows_of_a_group(table: pa.Table) -> int | None:
    """Return how many images make a row group of at most 64 MB, or None for a table without images.

    Arrow cannot read a group with 2 GB of images, and needs several times a group's size besides what it has read.
    """
    if "image" not in table.column_names:
        return None
    largest = pc.max(pc.binary_length(pc.struct_field(table["image"], "bytes"))).as_py()
    return max(1, PICTURE_BYTES_OF_A_GROUP // (largest or 1))


def read_table(path: str | Path, name: str, **only: Collection[str]) -> pd.DataFrame:
    """Read the table `name` from `path`, and check what was read.

    Args:
        only: by column, the texts of which a row must have one; other rows are dropped while they are read.

    Raises:
        UserError: the file is missing, damaged or a different table.
    """
    rows = [(column, "in", set(texts)) for column, texts in only.items()] or None
    with _refusing_damage(path, name):
        table = pq.read_table(path, pre_buffer=False, filters=rows, page_checksum_verification=True)
        # Parquet does not check that text is UTF-8.
        table.validate(full=True)
    expected = TABLES[name].schema
    if (table.schema.names, table.schema.types) != (expected.names, expected.types):
        raise UserError(f"{path} is not a {name} table of this version. Delete it and run again.")
    try:
        _check(table, name, path)
    except ValueError as error:
        raise UserError(f"{error}. Delete the file and run again.") from None
    return table.to_pandas()


@contextmanager
def _refusing_damage(path: str | Path, name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read as a {name} table ({error}). Delete it and run again.") from None


def read_tables(paths: Iterable[str | Path], name: str) -> pd.DataFrame:
    """Read several files of the table `name` as one frame, in the given order."""
    frames = [read_table(path, name) for path in paths]
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(filled, ignore_index=True)


def read_extremes(path: str | Path, name: str, column: str, metric: str) -> tuple[float, float]:
    """Return the lowest and the highest number in a column of the table `name`, over all rows of a metric.

    Only these two columns are read, a batch of rows at a time.

    Raises:
        UserError: as in `read_table`.
    """
    extremes = []
    with (
        _refusing_damage(path, name),
        pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file,
    ):
        for batch in file.iter_batches(columns=["metric", column]):
            values = batch[column].filter(pc.equal(batch["metric"], metric))
            extremes.append(pc.min_max(values).as_py())
    found = [pair for pair in extremes if pair["min"] is not None]
    return min(pair["min"] for pair in found), max(pair["max"] for pair in found)


def read_cost(path: str | Path) -> dict[str, Any]:
    """Return what `aedr.costs.Costs.record` put into the metadata of the table at `path`.

    Raises:
        UserError: the table records no cost.
    """
    metadata = pq.read_schema(path).metadata or {}
    if b"aedr.cost" not in metadata:
        raise UserError(f"{path} does not record what it cost. Delete it and run again.")
    return json.loads(metadata[b"aedr.cost"])


def _check(table: pa.Table, name: str, path: str | Path) -> None:
    expected = TABLES[name]
    for column in expected.schema:
        values = table.column(column.name)
        if not column.nullable and values.null_count:
            raise ValueError(f"{path}: {values.null_count} rows of the table {name} have no {column.name}")
        if not column.nullable and pa.types.is_floating(column.type) and pc.any(pc.is_nan(values)).as_py():
            raise ValueError(f"{path}: rows of the table {name} have NaN as {column.name}")
        if expected.bounds_of(column.name) == ANYTHING:
            continue
        lowest, highest = expected.bounds_of(column.name)
        extremes = pc.min_max(values).as_py()
        if extremes["min"] is not None and not (lowest <= extremes["min"] and extremes["max"] <= highest):
            raise ValueError(f"{path}: {column.name} of the table {name} is outside [{lowest}, {highest}]: {extremes}")
    keys = table.select(expected.key).group_by(list(expected.key)).aggregate([([], "count_all")])
    if keys.num_rows != table.num_rows:
        raise ValueError(f"{path}: rows of the table {name} are not unique by {', '.join(expected.key)}")
