"""What changed limits on images mean for existing tables, whose images were checked when they were made."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def changed_limits(tables: Iterable[str | Path], limits: Mapping[str, int]) -> Iterator[str]:
    """Yield a line for each table of images in which a limit would now accept or refuse other images.

    Args:
        tables: files of images tables; missing ones are skipped, and damaged ones, which the job that reads them names.
        limits: `max_pixels` and `max_bytes` as they are configured now.
    """
    for table in tables:
        # Arrow raises almost anything for a damaged table. A warning must not end the run.
        with contextlib.suppress(Exception):
            yield from _changed(table, limits)


def _changed(table: str | Path, limits: Mapping[str, int]) -> Iterator[str]:
    if not Path(table).is_file():
        return
    # Planning a new study, which has no tables yet, imports none of these.
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    recorded = json.loads((pq.read_schema(table).metadata or {}).get(b"aedr.settings", b"{}"))
    for key, now in limits.items():
        before = recorded.get(key, now)
        if now > before:
            reasons = pq.read_table(table, columns=["reason"])["reason"]
            count, stays = pc.sum(pc.match_substring(reasons, f"{key} (")).as_py(), "refused"
        elif now < before and key == "max_pixels":
            sides = pq.read_table(table, columns=["width", "height"])
            pixels = pc.multiply(sides["width"].cast(pa.int64()), sides["height"].cast(pa.int64()))
            count, stays = pc.sum(pc.greater(pixels, now)).as_py(), "accepted"
        elif now < before:
            pictures = pc.struct_field(pq.read_table(table, columns=["image"])["image"], "bytes")
            count, stays = pc.sum(pc.greater(pc.binary_length(pictures), now)).as_py(), "accepted"
        else:
            continue
        if count:
            yield (
                f"{key} is {now}, but was {before} when {table} was made: {count} of its images stay {stays}. To apply "
                "the new limit, delete the file."
            )
