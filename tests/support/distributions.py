"""Installed distributions: what one needs, and a second home for its files."""

import os
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(names: Iterable[str]) -> set[str]:
    """Return the canonical names of distributions and of all that their metadata require on this machine."""
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras} - {extra for known, extra in found if known == name}:
            found.add((name, extra))
            needs = map(Requirement, metadata.requires(name) or [])
            waiting += [need for need in needs if not need.marker or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def link(names: Iterable[str], site_packages: Path) -> None:
    """Give the files of installed distributions a second name below another environment's site-packages."""
    for name in names:
        for file in metadata.distribution(name).files or []:
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.exists():
                (site_packages / file).parent.mkdir(parents=True, exist_ok=True)
                os.link(source, site_packages / file)
