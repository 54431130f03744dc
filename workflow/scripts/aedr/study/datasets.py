"""Find the images of a generator in Parquet files; this runs when the workflow is planned, and reads no image."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aedr.errors import UserError
from aedr.study.image_files import is_writable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# A message names no more of the values in a column.
MOST_VALUES = 50


def list_rows(dataset: Mapping[str, Any], at_most: int, key: str) -> list[str]:
    """Return the first `at_most` images of a data set as FILE/ROW, in the order of its files' names and their rows.

    Files are relative to the data set's folder, and rows are counted from 0 in each file. Only the column that names
    the generator is read, and no file after the one in which enough images were found, unless a value is still missing.

    Args:
        dataset: an entry `dataset` of the configuration.
        key: the entry's key, which messages name.

    Raises:
        UserError: the folder, its files, a column or a value is missing; a file cannot be read or is not Parquet; the
            images are not bytes; or a file's name cannot be written to a table.
    """
    value = dataset["value"]
    wanted = [str(one) for one in (value if isinstance(value, list) else [] if value is None else [value])]
    missing = set(wanted)
    images: list[str] = []
    files = list_files(dataset, key)
    for file in files:
        with _opened(dataset, file, key) as parquet:
            if dataset["column"] is None:
                rows: Sequence[int] = range(parquet.metadata.num_rows)
            else:
                rows, found = _matching_rows(parquet, dataset["column"], wanted)
                missing -= found
        images += [f"{file}/{row}" for row in rows[: at_most - len(images)]]
        if len(images) >= at_most and not missing:
            return images
    if missing:
        names = _values(dataset, files, key)
        more = f" and {len(names) - MOST_VALUES} more" if len(names) > MOST_VALUES else ""
        raise UserError(
            f"{key}.value: no row of {dataset['folder']} has {' or '.join(sorted(missing))} in its column "
            f"{dataset['column']}. Its values are {', '.join(names[:MOST_VALUES]) or 'all empty'}{more}."
        )
    if not images:
        raise UserError(f"{key}.folder: the files {dataset['files']} in {dataset['folder']} have no rows.")
    return images


def list_files(dataset: Mapping[str, Any], key: str) -> list[str]:
    """Return a data set's Parquet files, relative to its folder, sorted by name; hidden ones are skipped.

    Raises:
        UserError: the folder or the files are missing, or a name cannot be written to a table.
    """
    folder = Path(dataset["folder"])
    if not folder.is_dir():
        raise UserError(f"{key}.folder: the folder {folder} does not exist. Create it, or correct the path.")
    try:
        found = sorted(path.relative_to(folder) for path in folder.glob(dataset["files"]) if path.is_file())
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"{key}.files: {dataset['files']} is no pattern of files below the folder ({error}).") from None
    names = [path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)]
    if not names:
        raise UserError(f"{key}.files: no file in {folder} is called {dataset['files']}.")
    for name in names:
        if not is_writable(name):
            raise UserError(f"Rename {name!r} in {folder}: its name has characters that cannot be written to a table.")
    return names


def split_row(name: str) -> tuple[str, int]:
    """Return the file and the row of an image that `list_rows` names."""
    file, _, row = name.rpartition("/")
    return file, int(row)


@contextmanager
def _opened(dataset: Mapping[str, Any], file: str, key: str) -> "Iterator[pq.ParquetFile]":
    """Open a file of a data set and check its columns; errors of reading it name the file."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UserError(
            f"{key}: Parquet files need pyarrow beside Snakemake. Install it: pip install pyarrow"
        ) from None
    path = Path(dataset["folder"]) / file
    try:
        with pq.ParquetFile(path, pre_buffer=False) as parquet:
            _check_columns(parquet.schema_arrow, dataset, path, key)
            yield parquet
    # Arrow's errors are also errors of the system or of a value.
    except pa.ArrowException as error:
        raise UserError(
            f"{key}: {path} cannot be read as Parquet ({error}). It may be damaged, or only a Git LFS pointer: "
            "fetch it again."
        ) from None
    except OSError as error:
        raise UserError(f"{key}: {path} cannot be read ({error.strerror or error}).") from None


def _check_columns(schema: "pa.Schema", dataset: Mapping[str, Any], path: Path, key: str) -> None:
    import pyarrow as pa

    for name in ("column", "image"):
        if dataset[name] is not None and dataset[name] not in schema.names:
            raise UserError(
                f"{key}.{name}: {path} has no column {dataset[name]}. Its columns are {', '.join(schema.names)}."
            )
    kind = schema.field(dataset["image"]).type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise UserError(
            f"{key}.image: the column {dataset['image']} of {path} is {kind}. Images must be the bytes of image files, "
            "or a struct with the field bytes; name a column of that kind."
        )
    if dataset["column"] is not None and _compared_type(schema, dataset["column"]) is None:
        raise UserError(
            f"{key}.column: {dataset['column']} in {path} is {schema.field(dataset['column']).type}. Name a column of "
            "text, of whole numbers or of true and false."
        )


def _compared_type(schema: "pa.Schema", column: str) -> "pa.DataType | None":
    """Return the type by which a column's values are compared, or None if they cannot be."""
    import pyarrow as pa

    kind = schema.field(column).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_boolean(kind):
        return kind
    if pa.types.is_integer(kind):
        return pa.int64()
    return pa.string() if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def _matching_rows(parquet: "pq.ParquetFile", column: str, wanted: Sequence[str]) -> tuple[list[int], set[str]]:
    """Return the rows of a file whose value is wanted, and which of the wanted values it has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = _compared_type(parquet.schema_arrow, column)
    stored = _stored(parquet.schema_arrow, column, wanted)
    values = parquet.read(columns=[column])[column].cast(kind)
    matches = pc.is_in(values, value_set=pa.array(list(stored), kind))
    found = values.filter(matches).unique().to_pylist()
    return pc.indices_nonzero(matches).to_pylist(), {text for value in found for text in stored[value]}


def _stored(schema: "pa.Schema", column: str, wanted: Sequence[str]) -> dict[Any, list[str]]:
    """Return what a column stores for the wanted values: a label or its number, a number, a truth value, or text."""
    import pyarrow as pa

    kind = _compared_type(schema, column)
    labels = _labels(schema, column)
    candidates: dict[Any, list[str]] = {}
    for text in wanted:
        values: list[Any] = [text]
        if pa.types.is_boolean(kind):
            values = [value for value in (True, False) if str(value) == text]
        elif pa.types.is_integer(kind):
            values = [number for number, label in labels.items() if label == text]
            # Longer ones are beyond 64 bits.
            if text.lstrip("-").isdecimal() and len(text) < 19:
                values.append(int(text))
        for value in values:
            candidates.setdefault(value, []).append(text)
    return candidates


def _labels(schema: "pa.Schema", column: str) -> dict[int, str]:
    """Return the labels of the numbers in a column, as Hugging Face's files describe them; other files do not."""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        described = json.loads((schema.metadata or {})[b"huggingface"])
        return dict(enumerate(described["info"]["features"][column]["names"]))
    return {}


def _values(dataset: Mapping[str, Any], files: Sequence[str], key: str) -> list[str]:
    """Return the distinct values of the column that names the generator, as a user would write them, sorted."""
    column = dataset["column"]
    values: set[str] = set()
    for file in files:
        with _opened(dataset, file, key) as parquet:
            labels: dict[Any, str] = dict(_labels(parquet.schema_arrow, column))
            found = parquet.read(columns=[column])[column].unique().drop_null().to_pylist()
            values |= {labels.get(value, str(value)) for value in found}
    return sorted(values)
