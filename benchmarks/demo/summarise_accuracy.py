"""Summarise several runs of the embedded study and its control: the figures that the README quotes.

python benchmarks/demo/summarise_accuracy.py RUN [RUN ...] CONTROL, folders of results, which `make demo-figures` makes.
Prints, for each signal, the mean accuracy over pairs of continuous autoencoders, against photographs, and in the
control; for several runs, the mean and the range over them.
"""

import sys
from pathlib import Path

import pandas as pd

from aedr.scoring.methods import PUBLISHED
from aedr.tables.files import read_table

QUANTISED = "demo-vq"
PHOTOGRAPHS = "photographs"
SIGNALS = {
    "l2, first loss alone": ("l2", "first_loss", "same_images"),
    "l2, loss ratio": ("l2", "loss_ratio", "same_images"),
    "l2, calibrated ratio (AEDR as published)": (*PUBLISHED, "same_images"),
    "high-frequency, loss ratio": ("high_frequency", "loss_ratio", "same_images"),
    "mid-frequency, loss ratio": ("mid_frequency", "loss_ratio", "same_images"),
    "held out: l2, calibrated ratio": (*PUBLISHED, "held_out"),
    "held out: l2, residual": ("l2", "residual", "held_out"),
    "held out: high-frequency, loss ratio": ("high_frequency", "loss_ratio", "held_out"),
    "held out: high-frequency, residual": ("high_frequency", "residual", "held_out"),
    "held out: mid-frequency, residual": ("mid_frequency", "residual", "held_out"),
}


def mean_accuracies(results: Path, metric: str, signal: str, protocol: str) -> dict[str, float]:
    """Return the mean accuracy of a run over its kinds of pairs (autoencoder, source), belonging sources left out."""
    cells = read_table(results / "accuracy.parquet", "accuracy")
    cells = cells[(cells["metric"] == metric) & (cells["signal"] == signal) & ~cells["belonging"]]
    cells = cells[cells["protocol"] == protocol]
    continuous = cells["autoencoder"] != QUANTISED
    models = ~cells["source"].isin([PHOTOGRAPHS, QUANTISED])
    groups = {
        "pairs of continuous": continuous & models,
        "photographs": continuous & (cells["source"] == PHOTOGRAPHS),
        "quantised against others": ~continuous & (cells["source"] != PHOTOGRAPHS),
        "others against quantised": continuous & (cells["source"] == QUANTISED),
        "quantised, photographs": ~continuous & (cells["source"] == PHOTOGRAPHS),
    }
    return {name: cells.loc[chosen, "accuracy"].mean() for name, chosen in groups.items()}


def summarise(runs: list[Path], control: Path) -> pd.DataFrame:
    """Return the table that is printed: a row for each signal, a column for each kind of pair."""
    rows = {}
    for label, cell in SIGNALS.items():
        seeds = pd.DataFrame([mean_accuracies(run, *cell) for run in runs])
        row = {name: f"{column.mean():.3f} ({column.min():.3f}-{column.max():.3f})" for name, column in seeds.items()}
        row["control, pairs of continuous"] = f"{mean_accuracies(control, *cell)['pairs of continuous']:.3f}"
        rows[label] = row
    return pd.DataFrame(rows).T


if __name__ == "__main__":
    *run_folders, control_folder = [Path(argument) for argument in sys.argv[1:]]
    print(f"Accuracy, mean (range) over {len(run_folders)} runs: {', '.join(map(str, run_folders))}")
    table = summarise(run_folders, control_folder)
    columns = ["signal", *table.columns]
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for name, row in table.iterrows():
        print(f"| {name} | " + " | ".join(row) + " |")
