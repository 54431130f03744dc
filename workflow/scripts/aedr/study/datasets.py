"""Find the images of a generator in Parquet files; this runs when the workflow is planned, and reads no image."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aedr.errors import UserError
from aedr.study.image_files import is_writable

if TYPE_CHECKING:
    import pyarrow as pa

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
    wanted = _as_texts(dataset["value"])
    missing = set(wanted)
    seen: set[str] = set()
    images: list[str] = []
    for file in list_files(dataset, key):
        for rows, values in _matching_rows(dataset, file, wanted, key):
            images += [f"{file}/{row}" for row in rows[: max(at_most - len(images), 0)]]
            for texts in values:
                missing -= set(texts)
                seen.add(texts[-1])
            if len(images) >= at_most and not missing:
                return images
    if missing:
        names = sorted(seen)
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


def _as_texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [str(one) for one in values]


def _matching_rows(
    dataset: Mapping[str, Any], file: str, wanted: Sequence[str], key: str
) -> Iterator[tuple[list[int], list[tuple[str, str]]]]:
    """Yield, for each row group of a file, the rows of the wanted values, and all its values (see `_texts`).

    Without a column, these are all rows and no values.
    """
    try:
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq
    except ImportError:
        raise UserError(
            f"{key}: Parquet files need pyarrow beside Snakemake. Install it: pip install pyarrow"
        ) from None
    path = Path(dataset["folder"]) / file
    column = dataset["column"]
    try:
        with pq.ParquetFile(path, pre_buffer=False) as opened:
            _check_columns(opened.schema_arrow, dataset, path, key)
            start = 0
            for group in range(opened.num_row_groups):
                count = opened.metadata.row_group(group).num_rows
                if column is None:
                    yield list(range(start, start + count)), []
                elif count:
                    values = opened.read_row_group(group, columns=[column])[column]
                    if pa.types.is_dictionary(values.type):
                        values = values.cast(values.type.value_type)
                    # Each value is compared once, not in every row.
                    encoded = values.combine_chunks().dictionary_encode()
                    texts = _texts(opened.schema_arrow, column, encoded.dictionary.to_pylist())
                    chosen = [place for place, of_value in enumerate(texts) if not set(wanted).isdisjoint(of_value)]
                    matches = pc.is_in(encoded.indices, value_set=pa.array(chosen, encoded.indices.type))
                    yield [start + row for row in pc.indices_nonzero(matches).to_pylist()], texts
                start += count
    except OSError as error:
        raise UserError(f"{key}: {path} cannot be read ({error.strerror or error}).") from None
    except pa.ArrowException as error:
        raise UserError(
            f"{key}: {path} cannot be read as Parquet ({error}). It may be damaged, or only a Git LFS pointer: "
            "fetch it again."
        ) from None


def _check_columns(schema: "pa.Schema", dataset: Mapping[str, Any], path: Path, key: str) -> None:
    import pyarrow as pa

    for name in ("column", "image"):
        if dataset[name] is not None and dataset[name] not in schema.names:
            raise UserError(
                f"{key}.{name}: {path} has no column {dataset[name]}. Its columns are {', '.join(schema.names)}."
            )
    kind = schema.field(dataset["image"]).type
    if pa.types.is_struct(kind):
        kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else kind
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise UserError(
            f"{key}.image: the column {dataset['image']} of {path} is {kind}. Images must be the bytes of image files, "
            "or a struct with the field bytes; name a column of that kind."
        )
    if dataset["column"] is not None and pa.types.is_nested(kind := schema.field(dataset["column"]).type):
        raise UserError(f"{key}.column: {dataset['column']} in {path} is {kind}. Name a column of plain values.")


def _texts(schema: "pa.Schema", column: str, values: Sequence[Any]) -> list[tuple[str, str]]:
    """Return each value as text, and its label: Hugging Face's files store class labels as numbers."""
    labels: dict[Any, Any] = {}
    # Other writers leave this out, or write something else.
    with contextlib.suppress(KeyError, TypeError, ValueError):
        described = json.loads((schema.metadata or {})[b"huggingface"])
        labels = dict(enumerate(described["info"]["features"][column]["names"]))
    return [(str(value), str(labels.get(value, value))) for value in values]
