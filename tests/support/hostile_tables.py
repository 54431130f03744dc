"""Calibrations, prompts and captions from strangers, and what must be true of whatever is made of them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from aedr.errors import UserError
from aedr.study.prompt_files import read_captions, read_prompt_file
from aedr.tables.schemas import TABLES
from aedr.verdicts.calibration_file import check_reference, read_calibration
from aedr.verdicts.promise import Promise
from hostile_configurations import NAMES, NUMBERS

DESCRIPTION: dict[str, Any] = {
    "metric": "l2",
    "second_metric": None,
    "signal": "loss_ratio",
    "real_sources": ["real"],
    "versions": {"torch": "2"},
    "families": {
        "sd": {
            "members": ["sd", "sd-copy"],
            "encoder_sha256": "0" * 64,
            "decoder_sha256": "1" * 64,
            "factor": 8,
            "repositories": [],
            "revisions": [],
            "preprocessing": {"off_grid": "crop"},
            "fitted": {"l2": {"exponent": 1.0, "slope": 1.0, "intercept": 0.0, "cap": 1.0}},
        }
    },
}
ROWS: dict[str, list[Any]] = {
    "autoencoder": ["sd"] * 4,
    "image_id": ["sd/1", "sd/2", "real/1", "real/2"],
    "metric": ["l2"] * 4,
    "source": ["sd", "sd", "real", "real"],
    "group": ["sd/1", "sd/2", "real/1", "real/2"],
    "belonging": [True, True, False, False],
    "value": [1.0, 1.1, 2.0, 2.1],
    "homogeneity": [0.5] * 4,
    "first_loss": [0.1] * 4,
    "second_loss": [0.1] * 4,
    "width": [64] * 4,
    "height": [64] * 4,
}
SCALARS = st.one_of(st.sampled_from([*NAMES, *NUMBERS, None, True, [], {}]), st.text(max_size=8))


def encode_calibration(description: bytes, table: pa.Table) -> bytes:
    """Return the file of a calibration with a description and rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({b"aedr.calibration": description}), sink)
    return sink.getvalue().to_pybytes()


VALID = encode_calibration(json.dumps(DESCRIPTION).encode(), pa.table(ROWS, schema=TABLES["reference"].schema))


@st.composite
def hostile_calibrations(draw: st.DrawFn) -> bytes:
    """Draw a calibration with a wrong description, wrong rows, or damaged bytes."""
    kind = draw(st.sampled_from(["description", "rows", "types", "bytes"]))
    description, rows, schema = json.loads(json.dumps(DESCRIPTION)), dict(ROWS), TABLES["reference"].schema
    if kind == "bytes":
        data = bytearray(VALID)
        for _ in range(draw(st.integers(1, 6))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
        return bytes(data[: draw(st.sampled_from([len(data), draw(st.integers(0, len(data)))]))])
    if kind == "description":
        parent = draw(
            st.sampled_from(
                [description, description["families"], *(description["families"]["sd"],) * 3]
                + [description["families"]["sd"][key] for key in ("preprocessing", "fitted")]
            )
        )
        key = draw(st.sampled_from(sorted(parent)))
        if draw(st.booleans()):
            parent[key] = draw(SCALARS)
        else:
            parent[draw(st.sampled_from(NAMES))] = parent.pop(key)
    else:
        column = draw(st.sampled_from(sorted(rows)))
        place = draw(st.integers(0, 3))
        values = [*rows[column][:place], draw(SCALARS), *rows[column][place + 1 :]]
        try:
            # Pyarrow would not write what is missing into a column that says that nothing is.
            nullable = pa.schema([field.with_nullable(True) for field in schema])
            table = pa.table(rows | {column: values}, schema=None if kind == "types" else nullable)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            table = pa.table({name: values for name, values in rows.items() if name != column})
        return encode_calibration(json.dumps(description).encode(), table)
    return encode_calibration(json.dumps(description).encode(), pa.table(rows, schema=schema))


def check_calibration(data: bytes, folder: Path) -> bool:
    """Check that a calibration is taken and can be asked, or refused by its name; returns whether it was taken."""
    path = folder / "carried.parquet"
    path.write_bytes(data)
    try:
        calibration = read_calibration(path)
    except UserError as error:
        assert path.name in str(error)
        return False
    try:
        check_reference(calibration, ["l2"], Promise(0.4))
    except UserError:
        return True
    assert set(calibration.reference(Promise(0.4)).own) == set(calibration.description["families"])
    assert not calibration.rows["value"].isna().any()
    return True


FRAGMENTS = ["file,caption\n", 'a.png,"a cat"\n', "000: a cat\n", "1: \n", '"', "\r", "\0", "x" * 200_000]
LINES = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=10)), max_size=6)
hostile_texts = st.one_of(
    LINES.map(lambda lines: "".join(lines).encode("utf-8", errors="surrogatepass")),
    LINES.map(lambda lines: ("file,caption\n" + "".join(lines)).encode("utf-8", errors="surrogatepass")),
    st.binary(max_size=64),
)


def check_text(data: bytes, folder: Path) -> bool:
    """Check that a file of prompts or captions is read, or refused by its name; returns whether either was read."""
    path = folder / "text.csv"
    path.write_bytes(data)
    taken = False
    for read in (read_prompt_file, read_captions):
        try:
            read(path)
            taken = True
        except UserError as error:
            assert path.name in str(error)
    return taken
