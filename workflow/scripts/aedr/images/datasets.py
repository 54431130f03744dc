"""Read the bytes of chosen images from a Parquet file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aedr.errors import UserError

# So few rows are in memory at a time; a row group, which may be gigabytes, is not.
ROWS_OF_A_BATCH = 16


def read_images(path: str | Path, rows: Sequence[int], column: str) -> Iterator[tuple[int, bytes | None]]:
    """Yield each of `rows` with the bytes of its image, or None where the file has none; rows ascend.

    Only row groups with such rows are read, and of these only the images' column.

    Args:
        rows: places of rows in the file, counted from 0.
        column: bytes, or structs with the field bytes.

    Raises:
        UserError: the file cannot be read, is damaged or has no such rows or column.
    """
    waiting = sorted(rows)
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            start = 0
            for group in range(file.num_row_groups):
                stop = start + file.metadata.row_group(group).num_rows
                of_group = [row for row in waiting if start <= row < stop]
                if of_group:
                    yield from _images_of_group(file, group, start, of_group, column)
                start = stop
    except (OSError, KeyError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read ({error}). Repair it, or run again without it.") from None
    if waiting and waiting[-1] >= start:
        raise UserError(f"{path} has only {start} rows. It changed after the run was planned; run again.")


def _images_of_group(
    file: pq.ParquetFile, group: int, start: int, rows: Sequence[int], column: str
) -> Iterator[tuple[int, bytes | None]]:
    for batch in file.iter_batches(batch_size=ROWS_OF_A_BATCH, row_groups=[group], columns=[column]):
        images = batch.column(column)
        for row in rows:
            if start <= row < start + len(images):
                value = images[row - start].as_py()
                yield row, value["bytes"] if isinstance(value, dict) else value
        start += len(images)
        if start > rows[-1]:
            return
