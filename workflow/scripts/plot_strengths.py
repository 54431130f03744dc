"""Draw accuracy and true positives against the strength of the damage; read robustness.csv, write a picture."""

from collections.abc import Mapping
from typing import Any

from aedr.jobs import job


def plot_strengths(means: str, output: str, transforms: Mapping[str, Any], metric: str, signal: str) -> None:
    """Draw a column for each number in which `transforms` differ, and in it a line for each method.

    Dotted at the level of untouched images.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd

    from aedr.robustness.scores import shown_methods
    from aedr.scoring.protocols import ALIKE
    from aedr.study.transform_steps import UNTOUCHED, strength_axes

    table = pd.read_csv(means)
    values = table.set_index(["protocol", "metric", "signal", "transform"]).sort_index()
    rows = {
        "accuracy, thresholds\nfor untouched images": ("accuracy", UNTOUCHED),
        "accuracy, thresholds for\nimages damaged alike": ("accuracy", ALIKE),
        "true positives at\n1 % false positives": ("true_positive_rate_at_1_percent", ALIKE),
    }
    columns = strength_axes(transforms)
    figure, grid = plt.subplots(
        len(rows),
        len(columns),
        squeeze=False,
        sharey="row",
        figsize=(3 + 2.6 * len(columns), 7),
        layout="constrained",
    )
    for panels, (name, (value, protocol)) in zip(grid, rows.items(), strict=True):
        panels[0].set_ylabel(name, fontsize=9)
        for axes, column in zip(panels, columns, strict=True):
            for label, method in shown_methods(table, (metric, signal)).items():
                line = values.loc[(protocol, *method), value]
                (drawn,) = axes.plot(
                    list(column.strengths.values()), line.reindex(list(column.strengths)), "o-", ms=4, label=label
                )
                axes.axhline(line[UNTOUCHED], color=drawn.get_color(), linestyle=":", linewidth=1)
            axes.grid(alpha=0.3)
    for axes, column in zip(grid[-1], columns, strict=True):
        axes.set_xlabel(column.label, fontsize=9)
    handles = grid[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=min(len(columns) + 1, 4), fontsize=8, frameon=False)
    figure.savefig(output, dpi=140, metadata={"Software": None})


if __name__ == "__main__":
    with job(snakemake):
        plot_strengths(
            snakemake.input[0],
            snakemake.output[0],
            snakemake.params.transforms,
            snakemake.params.metric,
            snakemake.params.signal,
        )
