"""Draw the accuracy matrix, as published and as configured; read accuracy and autoencoders, write a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job

SIGNAL_NAMES = {
    "first_loss": "first loss",
    "loss_ratio": "loss ratio",
    "calibrated_ratio": "loss ratio x homogeneity",
    "power_ratio": "loss ratio x fitted power of homogeneity",
    "residual": "residual of log first loss on log second loss",
}
PUBLISHED = ("l2", "calibrated_ratio")


def plot_accuracy(
    accuracy: str, autoencoders: str, output: str, metric: str, signal: str, sources: Sequence[str]
) -> None:
    """Draw labelled heat maps: families of autoencoders in rows, sources in columns, own images framed.

    The first is AEDR as published, where its metric was measured; the second the configured signal, held out.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from aedr.families import family_label, members
    from aedr.tables import read_table

    families = members(read_table(autoencoders, "autoencoders"))
    cells = read_table(accuracy, "accuracy")
    panels = [(*PUBLISHED, "published")] if (cells["metric"] == PUBLISHED[0]).any() else []
    panels.append((metric, signal, "held_out"))
    width, height = 2.4 + 0.95 * len(sources), 1.8 + 0.6 * len(families)
    figure, grid = plt.subplots(
        len(panels), 1, figsize=(width, height * len(panels)), squeeze=False, layout="constrained"
    )
    labels = {family: family_label(names) for family, names in families.items()}
    for axes, (panel_metric, panel_signal, protocol) in zip(grid[:, 0], panels, strict=True):
        chosen = (cells["metric"] == panel_metric) & (cells["signal"] == panel_signal)
        shown = _draw(axes, cells[chosen & (cells["protocol"] == protocol)], labels, sources)
        others = cells[chosen & ~cells["belonging"]].groupby("protocol")["accuracy"].mean()
        name = f"{panel_metric}, {SIGNAL_NAMES[panel_signal]}"
        if protocol == "published":
            title = (
                f"AEDR as published: {name}\nscored on the images that thresholds were fitted on: mean "
                f"{100 * others['published']:.1f} % (held out: {100 * others['held_out']:.1f} %)"
            )
        else:
            title = f"{name}\nscored on images held out: mean {100 * others['held_out']:.1f} %"
        axes.set_title(title, fontsize=10)
    figure.supxlabel("source of the images; framed: own images, the share accepted; small: 95 % interval", fontsize=9)
    figure.colorbar(shown, ax=grid[:, 0].tolist(), extend="min", label="accuracy", aspect=40)
    figure.savefig(output, dpi=160, metadata={"Software": None})


def _draw(axes: Any, cells: Any, labels: Mapping[str, str], sources: Sequence[str]) -> Any:
    from matplotlib.patches import Rectangle

    by_pair = cells.set_index(["autoencoder", "source"])
    matrix = by_pair["accuracy"].unstack().loc[list(labels), list(sources)]
    shown = axes.imshow(matrix, cmap="cividis", vmin=0.5, vmax=1, aspect="auto")
    for y, autoencoder in enumerate(labels):
        for x, source in enumerate(sources):
            cell = by_pair.loc[autoencoder, source]
            colour = "black" if cell["accuracy"] > 0.8 else "white"
            text = {"ha": "center", "va": "center", "color": colour}
            axes.text(x, y - 0.1, f"{100 * cell['accuracy']:.1f}", **text)
            interval = f"{100 * cell['accuracy_low']:.0f} to {100 * cell['accuracy_high']:.0f}"
            axes.text(x, y + 0.26, interval, fontsize=6, **text)
            if cell["belonging"]:
                axes.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, edgecolor="#d81b60", lw=2))
    axes.set_xticks(range(len(sources)), sources, rotation=30, ha="right")
    axes.set_yticks(range(len(labels)), list(labels.values()))
    axes.set_ylabel("inspected autoencoder")
    return shown


if __name__ == "__main__":
    with job(snakemake):
        plot_accuracy(
            snakemake.input.accuracy,
            snakemake.input.autoencoders,
            snakemake.output[0],
            snakemake.params.metric,
            snakemake.params.signal,
            snakemake.params.sources,
        )
