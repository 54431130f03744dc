"""What a run reports when it ends: the accuracy matrix, the verdicts, warnings, and why jobs failed."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from aedr.jobs import WARNING


def accuracy_matrix(accuracy: str | Path, metric: str, signal: str, sources: Sequence[str]) -> str:
    """Return the matrix of a study's accuracy.csv as text: percent on held-out images, own images in brackets."""
    cells = {}
    for row in _read(accuracy):
        if (row["metric"], row["signal"], row["protocol"]) == (metric, signal, "held_out"):
            percent = f"{100 * float(row['accuracy']):.1f}"
            cells[row["autoencoder"], row["source"]] = f"[{percent}]" if row["belonging"] == "True" else percent
    autoencoders = dict.fromkeys(autoencoder for autoencoder, _ in cells)
    lines = [[name, *(cells[name, source] for source in sources)] for name in autoencoders]
    return tabulate(lines, headers=["", *sources], disable_numparse=True, stralign="right")


def count_verdicts(verdicts: str | Path) -> str:
    """Return how many images of a verdicts.csv got each answer."""
    counts = Counter(row["verdict"] for row in _read(verdicts))
    return ", ".join(f"{verdict} {count}" for verdict, count in counts.most_common())


def last_words(log: str | Path) -> str:
    """Return why a job failed, from its log: its error message, or else its last line."""
    path = Path(log)
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    errors = [number for number, line in enumerate(lines) if line.startswith("Error: ")]
    if errors:
        return "\n".join(lines[errors[-1] :]).removeprefix("Error: ")
    return lines[-1] if lines else "it ended without a message"


def warnings(log: str | Path) -> list[str]:
    """Return what a job's log warns of; nothing if there is no log."""
    path = Path(log)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return [line.removeprefix(WARNING) for line in lines if line.startswith(WARNING)]


def _read(path: str | Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
