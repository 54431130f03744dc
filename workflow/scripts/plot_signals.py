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
    from aedr.signals import CALIBRATION
    from aedr.tables import read_table
    from aedr.thresholds import fit_density

    rows = read_table(signals, "signals", family)
    rows = rows[rows["metric"] == metric].dropna(subset=[signal])
    fitted = read_table(thresholds, "thresholds").set_index(["autoencoder", "metric", "signal", "protocol"])
    threshold = fitted.loc[(family, metric, signal, "held_out")]
    label = family_label(members(read_table(autoencoders, "autoencoders"))[family])
    own = rows.loc[rows["belonging"] & (rows["split"] == CALIBRATION), signal].to_numpy()
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
    # A residual is a logarithm already, and a PSNR is one too.
    if signal != "residual" and (signal != "first_loss" or metric != "psnr"):
        dots.set_xscale("log")
        dots.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        dots.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        dots.xaxis.set_minor_formatter(NullFormatter())
    lowest, highest = dots.get_xlim()
    grid = np.geomspace(lowest, highest, 400) if dots.get_xscale() == "log" else np.linspace(lowest, highest, 400)
    curve.fill_between(grid, fit_density(own)(grid), color="#d81b60", alpha=0.3, linewidth=0)
    curve.set_ylabel("density, own images", fontsize=8)
    curve.set_yticks([])
    for axes in (dots, curve):
        axes.axvspan(threshold["threshold_low"], threshold["threshold_high"], color="black", alpha=0.1, linewidth=0)
        axes.axvline(threshold["threshold"], color="black", linewidth=1, linestyle="--")
        axes.spines[["top", "right"]].set_visible(False)
    curve.set_xlabel(f"{signal.replace('_', ' ')} ({metric}), smaller means more like own images")
    dots.set_title(
        f"{label}: left of {threshold['threshold']:.3f} is accepted (significance level {threshold['alpha']:g})\n"
        f"fitted on {threshold['images']:.0f} own images, 95 % interval {threshold['threshold_low']:.3f} to "
        f"{threshold['threshold_high']:.3f}",
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
