"""What a run reports when it ends: the accuracy matrix, the verdicts, warnings, and why jobs failed."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from aedr.jobs import WARNING

# Of more images, only the counts are printed.
MOST_LINES = 40
MOST_LETTERS = 40


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


def say_verdicts(documents: str | Path, most: int = MOST_LINES) -> str:
    """Return what a verdicts.jsonl says: a line for each image, unless there are more than `most`, and the counts."""
    with open(documents, encoding="utf-8") as file:
        verdicts = [json.loads(line) for line in file]
    counts = Counter(verdict["verdict"] for verdict in verdicts)
    total = f"Verdicts: {', '.join(f'{verdict} {count}' for verdict, count in counts.most_common())}"
    if len(verdicts) > most:
        return total
    lines = [[printable(part) for part in (_short(one["name"]), _answer(one), _because(one))] for one in verdicts]
    headers = [
        "image",
        "answer",
        "p-values: own images as far out, real images as near, another source as near; or why",
    ]
    return f"{tabulate(lines, headers, disable_numparse=True)}\n\n{total}"


def _answer(verdict: Mapping[str, Any]) -> str:
    """Return what both stages answer."""
    return "; ".join([verdict["answer"], *([verdict["made_by"]["answer"]] if verdict["made_by"] else [])])


def _because(verdict: Mapping[str, Any]) -> str:
    """Return why a verdict names none, or else the p-values of the autoencoders that it names or of the nearest one."""
    if verdict["reason"] is not None and not verdict["decoded_by"]:
        return str(verdict["reason"])
    nearest = max(verdict["evidence"], key=lambda evidence: evidence["p_value"])
    shown = [evidence for evidence in verdict["evidence"] if evidence["is_possible"]] or [nearest]
    parts = [f"{evidence['autoencoder']} {', '.join(_p_values(evidence))}" for evidence in shown]
    return "; ".join([*parts, *([verdict["reason"]] if verdict["reason"] is not None else [])])


def _p_values(evidence: Mapping[str, Any]) -> list[str]:
    values = [evidence[f"{kind}p_value"] for kind in ("", "corrected_", "foreign_")]
    return ["-" if value is None else f"{value:.3f}" for value in values]


def _short(name: str) -> str:
    """Return a name without its middle if it is so long that it would push the answers out of sight."""
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS // 2 - 3]}...{name[-MOST_LETTERS // 2 :]}"


def printable(text: str) -> str:
    """Return a text with escapes for what would move a terminal's cursor or the order of letters."""
    return "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in text)


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
    return [printable(line.removeprefix(WARNING)) for line in lines if line.startswith(WARNING)]


def _read(path: str | Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
