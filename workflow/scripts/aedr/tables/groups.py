"""Files of tables by what they are of, since a path is no place to read that from."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def group_files(files: Sequence[str], names: Sequence[Name]) -> dict[Name, list[str]]:
    """Return the files of each name, of which there is one for each file, in the order in which they come first."""
    groups: dict[Name, list[str]] = {}
    for file, name in zip(files, names, strict=True):
        groups.setdefault(name, []).append(file)
    return groups
