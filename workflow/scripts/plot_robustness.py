"""Draw how well images are told apart after every transform, method by method; read robustness.csv, write a picture."""

from aedr.jobs import job

PANELS = {
    ("accuracy", "untouched"): "accuracy,\nthresholds for untouched images",
    ("accuracy", "alike"): "accuracy,\nthresholds for images damaged alike",
    (
        "true_positive_rate_at_1_percent",
        "alike",
    ): "true positives at 1 % false positives,\nfitted on images damaged alike",
}


def plot_robustness(means: str, output: str, metric: str, signal: str) -> None:
    """Draw a row for each transform, untouched images first, and in it a dot for each method."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    import pandas as pd

    from aedr.robustness.scores import shown_methods

    table = pd.read_csv(means)
    transforms = list(table["transform"].unique())
    figure, panels = plt.subplots(
        1, len(PANELS), sharey=True, figsize=(12, 1.8 + 0.35 * len(transforms)), layout="constrained"
    )
    for axes, ((value, protocol), title) in zip(panels, PANELS.items(), strict=True):
        rows = table[table["protocol"] == protocol].set_index(["metric", "signal", "transform"])[value].sort_index()
        methods = shown_methods(table, (metric, signal))
        # Equal values must not hide each other.
        for shift, (label, method) in zip(np.linspace(-0.25, 0.25, len(methods)), methods.items(), strict=True):
            places = np.arange(len(transforms)) + shift
            axes.plot(rows.loc[method].reindex(transforms), places, "o", ms=4, label=label)
        axes.set_title(title, fontsize=9)
        axes.set_xlim(0.4 if value == "accuracy" else -0.02, 1.02)
        axes.grid(axis="both", alpha=0.3)
    panels[0].set_yticks(range(len(transforms)), transforms)
    panels[0].invert_yaxis()
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8, frameon=False
    )
    figure.savefig(output, dpi=140, metadata={"Software": None})


if __name__ == "__main__":
    with job(snakemake):
        plot_robustness(
            snakemake.input[0],
            snakemake.output[0],
            snakemake.params.metric,
            snakemake.params.signal,
        )
