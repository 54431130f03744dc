"""Draw every method's accuracy against its seconds an image; read the methods table, write a picture."""

from aedr.jobs import job


def plot_methods(methods: str, output: str) -> None:
    """Draw means over autoencoders, held out, against other models and against real images; the time is logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from aedr.scoring.methods import MEAN
    from aedr.tables.columns import OPPONENTS
    from aedr.tables.files import read_table

    rows = read_table(methods, "methods")
    rows = rows[rows["autoencoder"] == MEAN]
    shown = [kind for kind in OPPONENTS if rows[f"accuracy_against_{kind}"].notna().any()]
    figure, grid = plt.subplots(
        1, len(shown), figsize=(1.6 + 4.4 * len(shown), 4.6), squeeze=False, sharey=True, layout="constrained"
    )
    # Okabe and Ito's colours, which colour-blind people tell apart, and then their markers again.
    colours = ["#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7"]
    for axes, kind in zip(grid[0], shown, strict=True):
        for at, row in enumerate(rows.itertuples()):
            label = (
                row.method
                if row.autoencoder_count == rows["autoencoder_count"].max()
                else f"{row.method} (quantised alone)"
            )
            axes.scatter(
                row.seconds_per_image,
                100 * getattr(row, f"accuracy_against_{kind}"),
                s=55,
                color=colours[at % len(colours)],
                marker="os^D"[at // len(colours)],
                label=label,
            )
        axes.set_xscale("log")
        axes.set_xlabel(f"seconds an image ({', '.join(sorted(set(rows['device'])))})")
        axes.set_title(f"against {kind.replace('_', ' ')}", fontsize=10)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylabel("accuracy on images held out, %")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    figure.savefig(output, dpi=160, metadata={"Software": None})


if __name__ == "__main__":
    with job(snakemake):
        plot_methods(snakemake.input[0], snakemake.output[0])
