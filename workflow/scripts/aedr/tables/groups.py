"""Group files of tables by given names, so that no meaning is read from their paths."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def group_files(files: Sequence[str], names: Sequence[Name]) -> dict[Name, list[str]]:
    """Return the files of each name, in the order in which names first appear; `names` has one for each file."""
    groups: dict[Name, list[str]] = {}
    for file, name in zip(files, names, strict=True):
        groups.setdefault(name, []).append(file)
    return groups
