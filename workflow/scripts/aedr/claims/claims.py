"""The claims of one file, gathered from all places that may hold some."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from PIL import UnidentifiedImageError

from aedr.tables.schemas import CLAIM_FIELDS

LONGEST_VALUE = 200
# Of different values of one field, which several places or the nodes of a graph may claim.
MOST_VALUES = 5
SEPARATOR = " / "


class UnreadableClaim(Exception):
    """A part of a file that cannot be read, or not within the limits; the message says why."""


class Claims:
    """Values by field (`aedr.tables.schemas.CLAIM_FIELDS`), where they were read, and what could not be read."""

    def __init__(self) -> None:
        self._values: dict[str, list[str]] = {}
        self._places: list[str] = []
        self._problems: list[str] = []

    def add(self, place: str, found: Mapping[str, object]) -> None:
        """Add values that were found in a place; those that are None or empty are left out."""
        for field, value in found.items():
            for text in map(clean, value if isinstance(value, list) else [value]):
                known = self._values.setdefault(field, [])
                if text and text not in known and len(known) < MOST_VALUES:
                    known.append(text)
                if text and place not in self._places:
                    self._places.append(place)

    def first(self, field: str) -> str | None:
        """Return the first value of a field."""
        return next(iter(self._values.get(field, ())), None)

    @contextmanager
    def reading(self, place: str) -> Iterator[None]:
        """Note what goes wrong while a place is read, instead of raising it."""
        try:
            yield
        except UnidentifiedImageError:
            # Its message names an address in memory.
            self._problems.append(f"{place}: of this kind of file they are not read")
        # Decoders and parsers may raise almost anything on a damaged or hostile file.
        except Exception as error:
            self._problems.append(clean(f"{place}: {error or type(error).__name__}") or place)

    def to_row(self) -> dict[str, str | None]:
        """Return the columns of the claims table that come from the file itself."""
        row = {field: SEPARATOR.join(self._values.get(field, ())) or None for field in CLAIM_FIELDS}
        problems = "; ".join(dict.fromkeys(self._problems))
        return row | {
            "claimed_in": ", ".join(self._places) or None,
            "reason": f"claims could not be read: {problems}" if problems else None,
        }


def clean(value: object) -> str | None:
    """Return a value as one printable line of at most `LONGEST_VALUE` characters, or None if nothing is left of it.

    Characters that control a terminal or the direction of text are not printable.
    """
    if value is None:
        return None
    text = str(value)[: 4 * LONGEST_VALUE]
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return (text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…") or None
