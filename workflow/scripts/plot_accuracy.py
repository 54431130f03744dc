"""Draw the accuracy matrix; read the accuracy and autoencoders tables, write a picture."""

from collections.abc import Sequence

from aedr.jobs import job

SIGNAL_NAMES = {
    "first_loss": "first loss",
    "loss_ratio": "loss ratio",
    "calibrated_ratio": "calibrated ratio (loss ratio x homogeneity)",
}


def plot_accuracy(
    accuracy: str, autoencoders: str, output: str, metric: str, signal: str, sources: Sequence[str]
) -> None:
    """Draw a labelled heat map: families of autoencoders in rows, sources in columns, own images framed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    from aedr.families import family_label, members
    from aedr.tables import read_table

    families = members(read_table(autoencoders, "autoencoders"))
    cells = read_table(accuracy, "accuracy")
    cells = cells[(cells["metric"] == metric) & (cells["signal"] == signal)]
    matrix = cells.pivot(index="autoencoder", columns="source", values="accuracy").loc[list(families), list(sources)]
    belonging = cells.pivot(index="autoencoder", columns="source", values="belonging").loc[matrix.index, matrix.columns]
    figure, axes = plt.subplots(figsize=(2.4 + 0.95 * len(sources), 1.8 + 0.6 * len(families)), layout="constrained")
    shown = axes.imshow(matrix, cmap="cividis", vmin=0.5, vmax=1, aspect="auto")
    for y, autoencoder in enumerate(matrix.index):
        for x, source in enumerate(matrix.columns):
            value = matrix.loc[autoencoder, source]
            colour = "black" if value > 0.8 else "white"
            axes.text(x, y, f"{100 * value:.1f}", ha="center", va="center", color=colour)
            if belonging.loc[autoencoder, source]:
                axes.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, edgecolor="#d81b60", lw=2))
    axes.set_xticks(range(len(sources)), sources, rotation=30, ha="right")
    axes.set_yticks(range(len(families)), [family_label(names) for names in families.values()])
    axes.set_xlabel("source of the images")
    axes.set_ylabel("inspected autoencoder")
    axes.set_title(
        f"Accuracy in % for {metric}, {SIGNAL_NAMES[signal]}\nframed: own images, the share accepted", fontsize=10
    )
    figure.colorbar(shown, ax=axes, extend="min", label="accuracy")
    figure.savefig(output, dpi=160, metadata={"Software": None})


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
