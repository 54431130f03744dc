"""The tables between the rules: their columns, types and bounds, checked whenever one is written or read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aedr.errors import UserError
from aedr.files import replacing


@dataclass(frozen=True)
class Table:
    """One table's schema, the columns that identify a row, and the closed bounds of its numbers."""

    schema: pa.Schema
    key: tuple[str, ...]
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)


INFINITE = float("inf")
PICTURE_BYTES_OF_A_GROUP = 2**26
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

EVIDENCE = pa.struct(
    [
        ("autoencoder", pa.string()),
        ("signal", pa.float64()),
        ("p_value", pa.float64()),
        ("corrected_p_value", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("offset_rows", pa.int32()),
        ("offset_columns", pa.int32()),
        ("obstacle", pa.string()),
        ("caveat", pa.string()),
    ]
)


def _schema(required: Sequence[tuple[str, pa.DataType]], optional: Sequence[tuple[str, pa.DataType]] = ()) -> pa.Schema:
    return pa.schema([pa.field(*column, nullable=False) for column in required] + [pa.field(*c) for c in optional])


FINGERPRINT = [
    ("autoencoder", pa.string()),
    ("class", pa.string()),
    ("encoder_sha256", pa.string()),
    ("decoder_sha256", pa.string()),
    ("parameters", pa.int64()),
    ("factor", pa.int32()),
]
FAMILY = [("family", pa.string()), ("shares_encoder_with", pa.list_(pa.string()))]
# Null where a local folder was given, the channels where the autoencoder does not tell them.
ORIGIN = [("repository", pa.string()), ("revision", pa.string()), ("latent_channels", pa.int32())]

# What the methods table says of each method, and against whom.
MEASURES = ("accuracy", "auc", "true_positive_rate_at_1_percent", "published_accuracy")
OPPONENTS = ("other_models", "real_images")

# An autoencoder's view of a source, by one signal.
CELL = [
    ("autoencoder", pa.string()),
    ("source", pa.string()),
    ("metric", pa.string()),
    ("signal", pa.string()),
    ("protocol", pa.string()),
    ("belonging", pa.bool_()),
    ("images", pa.int32()),
    ("own_images", pa.int32()),
    ("unusable", pa.int32()),
    ("accepted", pa.int32()),
    ("acceptance_rate", pa.float64()),
    ("accuracy", pa.float64()),
    ("accuracy_low", pa.float64()),
    ("accuracy_high", pa.float64()),
]
# Null for its own images.
CELL_OF_OTHERS = [("auc", pa.float64()), ("true_positive_rate_at_1_percent", pa.float64())]
RATES = {
    "acceptance_rate": (0, 1),
    "accuracy": (0, 1),
    "accuracy_low": (0, 1),
    "accuracy_high": (0, 1),
    "auc": (0, 1),
    "true_positive_rate_at_1_percent": (0, 1),
    "accepted": (0, INFINITE),
}

TABLES = {
    "prompts": Table(
        _schema(
            [("prompt_id", pa.string()), ("prompt", pa.string())],
            [("image_id", pa.string()), ("caption", pa.string())],
        ),
        key=("prompt_id",),
    ),
    "vocabulary": Table(
        _schema([("kind", pa.string()), ("phrase", pa.string()), ("embedding", pa.list_(pa.float32()))]),
        key=("kind", "phrase"),
    ),
    "images": Table(
        _schema(
            [("image_id", pa.string()), ("source", pa.string())],
            [
                ("prompt_id", pa.string()),
                ("prompt", pa.string()),
                ("seed", pa.int64()),
                ("transform", pa.string()),
                ("width", pa.int32()),
                ("height", pa.int32()),
                ("format", pa.string()),
                ("sha256", pa.string()),
                ("image", PICTURE),
                ("reason", pa.string()),
            ],
        ),
        key=("image_id",),
        bounds={"width": (1, INFINITE), "height": (1, INFINITE), "seed": (0, 2**63 - 1)},
    ),
    "fingerprints": Table(
        _schema(FINGERPRINT, ORIGIN),
        key=("autoencoder",),
        bounds={"parameters": (1, INFINITE), "factor": (1, INFINITE), "latent_channels": (1, INFINITE)},
    ),
    "autoencoders": Table(
        _schema([*FINGERPRINT, *FAMILY], ORIGIN),
        key=("autoencoder",),
        bounds={"parameters": (1, INFINITE), "factor": (1, INFINITE), "latent_channels": (1, INFINITE)},
    ),
    "losses": Table(
        _schema(
            [
                ("image_id", pa.string()),
                ("source", pa.string()),
                ("autoencoder", pa.string()),
                ("metric", pa.string()),
                ("fit", pa.string()),
            ],
            [
                ("first_loss", pa.float64()),
                ("second_loss", pa.float64()),
                ("width", pa.int32()),
                ("height", pa.int32()),
                ("offset_rows", pa.int32()),
                ("offset_columns", pa.int32()),
                ("reason", pa.string()),
            ],
        ),
        key=("image_id", "autoencoder", "metric"),
        bounds={"width": (1, INFINITE), "height": (1, INFINITE)},
    ),
    "homogeneity": Table(
        _schema(
            [("image_id", pa.string()), ("source", pa.string())],
            [("homogeneity", pa.float64()), ("reason", pa.string())],
        ),
        key=("image_id",),
        bounds={"homogeneity": (0, 1)},
    ),
    "signals": Table(
        _schema(
            [
                ("image_id", pa.string()),
                ("source", pa.string()),
                ("autoencoder", pa.string()),
                ("metric", pa.string()),
                ("belonging", pa.bool_()),
                ("split", pa.string()),
            ],
            [
                ("first_loss", pa.float64()),
                ("second_loss", pa.float64()),
                ("homogeneity", pa.float64()),
                ("loss_ratio", pa.float64()),
                ("calibrated_ratio", pa.float64()),
                ("power_ratio", pa.float64()),
                ("residual", pa.float64()),
                ("width", pa.int32()),
                ("height", pa.int32()),
                ("reason", pa.string()),
            ],
        ),
        key=("image_id", "autoencoder", "metric"),
    ),
    "calibrations": Table(
        _schema(
            [
                ("autoencoder", pa.string()),
                ("metric", pa.string()),
                ("exponent", pa.float64()),
                ("slope", pa.float64()),
                ("intercept", pa.float64()),
            ]
        ),
        key=("autoencoder", "metric"),
    ),
    "reference": Table(
        _schema(
            [
                ("autoencoder", pa.string()),
                ("image_id", pa.string()),
                ("source", pa.string()),
                ("belonging", pa.bool_()),
                ("signal", pa.float64()),
                ("homogeneity", pa.float64()),
                ("width", pa.int32()),
                ("height", pa.int32()),
            ]
        ),
        key=("autoencoder", "image_id"),
        bounds={"homogeneity": (0, 1), "width": (1, INFINITE), "height": (1, INFINITE)},
    ),
    "verdicts": Table(
        _schema(
            [("image_id", pa.string()), ("verdict", pa.string()), ("autoencoders", pa.list_(pa.string()))],
            [
                ("reason", pa.string()),
                ("sha256", pa.string()),
                ("width", pa.int32()),
                ("height", pa.int32()),
                ("evidence", pa.list_(EVIDENCE)),
            ],
        ),
        key=("image_id",),
    ),
    "thresholds": Table(
        _schema(
            [
                ("autoencoder", pa.string()),
                ("metric", pa.string()),
                ("signal", pa.string()),
                ("protocol", pa.string()),
                ("alpha", pa.float64()),
                ("threshold", pa.float64()),
                ("threshold_low", pa.float64()),
                ("threshold_high", pa.float64()),
                ("images", pa.int32()),
            ]
        ),
        key=("autoencoder", "metric", "signal", "protocol"),
        bounds={"alpha": (0, 1), "images": (2, INFINITE)},
    ),
    "accuracy": Table(
        _schema(CELL, CELL_OF_OTHERS),
        key=("autoencoder", "source", "metric", "signal", "protocol"),
        bounds=RATES,
    ),
    "robustness": Table(
        _schema([("transform", pa.string()), *CELL], CELL_OF_OTHERS),
        key=("transform", "autoencoder", "source", "metric", "signal", "protocol"),
        bounds=RATES,
    ),
    "methods": Table(
        _schema(
            [
                ("method", pa.string()),
                ("autoencoder", pa.string()),
                ("metric", pa.string()),
                ("signal", pa.string()),
                ("autoencoders", pa.int32()),
                ("seconds_per_image", pa.float64()),
                ("peak_memory_bytes", pa.int64()),
                ("device", pa.string()),
            ],
            # Null where there are no sources of the kind, or no published protocol.
            [(f"{measure}_against_{kind}", pa.float64()) for kind in OPPONENTS for measure in MEASURES],
        ),
        key=("method", "autoencoder"),
        bounds={
            **{f"{measure}_against_{kind}": (0, 1) for kind in OPPONENTS for measure in MEASURES},
            "seconds_per_image": (0, INFINITE),
            "peak_memory_bytes": (0, INFINITE),
            "autoencoders": (1, INFINITE),
        },
    ),
}


def write_table(
    path: str | Path, name: str, rows: pd.DataFrame | Iterable[Mapping[str, object]], metadata: Mapping[str, str]
) -> None:
    """Write `rows` as the table `name` to `path`: checked, and whole or not at all.

    `metadata` (settings, versions, device) is stored in the file; columns not in the schema are an error.
    """
    write_parts(path, name, [rows], metadata)


def write_parts(
    path: str | Path,
    name: str,
    parts: Iterable[pd.DataFrame | Iterable[Mapping[str, object]]],
    metadata: Mapping[str, str],
) -> None:
    """Write rows as `write_table` does, a part after the other: no more than one of them is in memory.

    Each part is checked by itself, so no row of one may have the key of a row of another.
    """
    metadata = {"aedr.table": name} | {f"aedr.{key}": value for key, value in metadata.items()}
    schema = TABLES[name].schema.with_metadata(metadata)
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        for rows in parts:
            table = _checked(rows, name, path).replace_schema_metadata(metadata)
            writer.write_table(table, row_group_size=_rows_of_a_group(table))


def _checked(rows: pd.DataFrame | Iterable[Mapping[str, object]], name: str, path: str | Path) -> pa.Table:
    schema = TABLES[name].schema
    if isinstance(rows, pd.DataFrame):
        unknown = sorted(set(rows.columns) - set(schema.names))
        rows = rows.reindex(columns=schema.names)
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
    """Return how many pictures make a row group of at most 64 MB, or nothing for a table without pictures.

    Arrow reads no group with 2 GB of pictures, and needs several times a group's size beside what it has read.
    """
    if "image" not in table.column_names:
        return None
    largest = pc.max(pc.binary_length(pc.struct_field(table["image"], "bytes"))).as_py()
    return max(1, PICTURE_BYTES_OF_A_GROUP // (largest or 1))


def read_table(path: str | Path, name: str, autoencoder: str | None = None) -> pd.DataFrame:
    """Read the table `name` from `path`, or one autoencoder's rows of it, and check what was read.

    Raises:
        UserError: the file is missing, damaged or another table.
    """
    try:
        rows = None if autoencoder is None else [("autoencoder", "==", autoencoder)]
        table = pq.read_table(path, pre_buffer=False, filters=rows, page_checksum_verification=True)
        # Parquet does not look whether text is UTF-8.
        table.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read as a {name} table ({error}). Delete it and run again.") from None
    expected = TABLES[name].schema
    if (table.schema.names, table.schema.types) != (expected.names, expected.types):
        raise UserError(f"{path} is not a {name} table of this version. Delete it and run again.")
    try:
        _check(table, name, path)
    except ValueError as error:
        raise UserError(f"{error}. Delete the file and run again.") from None
    return table.to_pandas()


def read_tables(paths: Iterable[str | Path], name: str) -> pd.DataFrame:
    """Read several files of the table `name` as one frame, in the given order."""
    frames = [read_table(path, name) for path in paths]
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(filled, ignore_index=True)


def read_cost(path: str | Path) -> dict[str, Any]:
    """Return what `aedr.costs.Costs.record` put into the metadata of the table at `path`.

    Raises:
        UserError: the table records no cost.
    """
    metadata = pq.read_schema(path).metadata or {}
    if b"aedr.cost" not in metadata:
        raise UserError(f"{path} does not say what it cost. Delete it and run again.")
    return json.loads(metadata[b"aedr.cost"])


def _check(table: pa.Table, name: str, path: str | Path) -> None:
    rules = TABLES[name]
    for column in rules.schema:
        values = table.column(column.name)
        if not column.nullable and values.null_count:
            raise ValueError(f"{path}: {values.null_count} rows of the table {name} have no {column.name}")
        if not column.nullable and pa.types.is_floating(column.type) and pc.any(pc.is_nan(values)).as_py():
            raise ValueError(f"{path}: rows of the table {name} have no number as {column.name}")
    for column_name, (lowest, highest) in rules.bounds.items():
        extremes = pc.min_max(table.column(column_name)).as_py()
        if extremes["min"] is not None and not (lowest <= extremes["min"] and extremes["max"] <= highest):
            raise ValueError(f"{path}: {column_name} of the table {name} is outside [{lowest}, {highest}]: {extremes}")
    keys = table.select(rules.key).group_by(list(rules.key)).aggregate([([], "count_all")])
    if keys.num_rows != table.num_rows:
        raise ValueError(f"{path}: rows of the table {name} are not unique by {', '.join(rules.key)}")
