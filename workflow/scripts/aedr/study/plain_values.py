"""What a value may be, whatever the schema says: writable text, finite numbers, lists and mappings."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from aedr.study.image_files import is_writable

MOST_VALUES = 100_000
DEEPEST = 20
# Text for a model may be empty or have several lines. All other text names something.
FREE_TEXT = ("negative_prompt", "arguments")


def impossible_values(config: Any) -> Iterator[str]:
    """Yield a line, with the key's place, for each value of a parsed configuration that no key can have."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), config)]
    where = "top level"
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        place, value = waiting.pop()
        where = ".".join(place) or "top level"
        if len(place) > DEEPEST:
            yield f"{place[0]}: nested deeper than {DEEPEST} levels"
            return
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if not isinstance(key, str):
                    yield f"{where}: the key {key!r:.80} is not text; put it in quotes"
                elif not is_writable(key):
                    yield f"{where}: the key {key!r:.80} has characters that no name may have"
                else:
                    waiting.append(((*place, key), inner))
        elif isinstance(value, list):
            waiting += [((*place, str(number)), inner) for number, inner in enumerate(value)]
        elif problem := _problem(value, free=any(key in FREE_TEXT for key in place)):
            yield f"{where}: {problem}"
    yield f"{where}: more than {MOST_VALUES} values; aliases can make that many from a few lines"


def _problem(value: Any, free: bool) -> str | None:
    if isinstance(value, str):
        if not is_writable(value.translate({ord("\n"): " ", ord("\t"): " "}) if free else value):
            return f"{value!r:.80} has characters that no name may have"
        return None if value or free else "is empty; leave the key out, or write null"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) < 2**63 else "an integer of more than 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} is not a finite number"
    return f"{value!r:.80} is not text, a number, a list or a mapping; put text in quotes"
