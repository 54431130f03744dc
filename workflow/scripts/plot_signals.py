"""Draw one family's signals by source, with its density and threshold; read signals, thresholds and families."""

from collections.abc import Sequence

from aedr.jobs import job


def plot_signals(
    signals: str,
    thresholds: str,
    autoencoders: str,
    output: str,
    family: str,
    metric: str,
    signal: str,
    sources: Sequence[str],
) -> None:
    """Draw every source's signals as dots in a row of their own, above the density of the belonging images."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    from aedr.families import family_label, members
    from aedr.tables import read_table
    from aedr.thresholds import fit_density

    rows = read_table(signals, "signals")
    rows = rows[(rows["autoencoder"] == family) & (rows["metric"] == metric)].dropna(subset=[signal])
    fitted = read_table(thresholds, "thresholds").set_index(["autoencoder", "metric", "signal"])
    threshold = fitted.loc[(family, metric, signal)]
    label = family_label(members(read_table(autoencoders, "autoencoders"))[family])
    own = rows.loc[rows["belonging"], signal].to_numpy()
    figure, (dots, curve) = plt.subplots(
        2,
        1,
        sharex=True,
        figsize=(8, 1.6 + 0.4 * len(sources) + 1.4),
        height_ratios=(0.4 * len(sources), 1.4),
        layout="constrained",
    )
    # Places within a row are spread for the eye alone, the same way in every run.
    spread = np.random.default_rng(0)
    for y, source in enumerate(sources):
        values = rows.loc[rows["source"] == source]
        belonging = bool(values["belonging"].any())
        dots.scatter(
            values[signal],
            y + spread.uniform(-0.25, 0.25, len(values)),
            s=9,
            alpha=0.7,
            linewidths=0,
            color="#d81b60" if belonging else "#4a5568",
        )
    dots.set_yticks(range(len(sources)), sources)
    dots.invert_yaxis()
    if signal != "first_loss" or metric != "psnr":
        dots.set_xscale("log")
        dots.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        dots.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        dots.xaxis.set_minor_formatter(NullFormatter())
    lowest, highest = dots.get_xlim()
    grid = np.geomspace(lowest, highest, 400) if lowest > 0 else np.linspace(lowest, highest, 400)
    curve.fill_between(grid, fit_density(own)(grid), color="#d81b60", alpha=0.3, linewidth=0)
    curve.set_ylabel("density, own images", fontsize=8)
    curve.set_yticks([])
    for axes in (dots, curve):
        axes.axvline(threshold["threshold"], color="black", linewidth=1, linestyle="--")
        axes.spines[["top", "right"]].set_visible(False)
    curve.set_xlabel(f"{signal.replace('_', ' ')} ({metric}), smaller means more like own images")
    dots.set_title(
        f"{label}: threshold {threshold['threshold']:.3f} (significance level {threshold['alpha']:g}); "
        "left of it is accepted",
        fontsize=10,
    )
    figure.savefig(output, dpi=140, metadata={"Software": None})


if __name__ == "__main__":
    with job(snakemake):
        plot_signals(
            snakemake.input.signals,
            snakemake.input.thresholds,
            snakemake.input.autoencoders,
            snakemake.output[0],
            snakemake.wildcards.autoencoder,
            snakemake.params.metric,
            snakemake.params.signal,
            snakemake.params.sources,
        )
