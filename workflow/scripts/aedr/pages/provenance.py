"""The report's provenance: the devices, versions and settings that the tables were made with."""

import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

PREFIX = b"aedr."
ANALYSIS = ("matplotlib", "numpy", "pandas", "pillow", "pyarrow", "scipy")


def read_metadata(groups: Mapping[str, Iterable[str | Path]]) -> list[dict[str, str]]:
    """Return a row for each named group of tables: what its files record about how they were made.

    If the files of a group differ, for example after a study moved to another machine, all values are given.
    """
    rows = []
    for name, paths in groups.items():
        told: dict[str, list[str]] = {}
        for path in paths:
            for key, value in (pq.read_schema(path).metadata or {}).items():
                if key.startswith(PREFIX) and key != PREFIX + b"table":
                    values = told.setdefault(key.removeprefix(PREFIX).decode(), [])
                    if (text := value.decode()) not in values:
                        values.append(text)
        rows.append({"name": name} | {key: "; ".join(values) for key, values in told.items()})
    return rows


def digest_files(paths: Iterable[str | Path]) -> dict[str, str]:
    """Return each file's SHA-256 by its name."""
    digests = {}
    for path in map(Path, paths):
        with path.open("rb") as file:
            digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def describe_analysis() -> str:
    """Return the versions of Python and of the packages that this process uses."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in ANALYSIS)])


def describe_making(row: Mapping[str, str]) -> dict[str, str]:
    """Return a row of `read_metadata` as a page shows it: the device, the settings, and everything else in one text."""
    shown_elsewhere = ("name", "device", "settings", "cost")
    other = ", ".join(f"{key} {value}" for key, value in row.items() if key not in shown_elsewhere)
    return {"name": row["name"], "device": row.get("device", ""), "settings": row.get("settings", ""), "other": other}
