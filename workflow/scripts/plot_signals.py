"""Draw one family's signals by source, with its density and threshold; read signals, thresholds and families."""

from collections.abc import Sequence

from aedr.jobs import job


def plot_signals(
    signals: str,
    thresholds: str,
    autoencoders: str,
    outputs: Sequence[str],
    family: str,
    metric: str,
    signal: str,
    sources: Sequence[str],
) -> None:
    """Draw every source's signals as dots in a row of their own, above the density of its own images.

    The axis is the same for every family, so that their figures can be compared.
    """
    import numpy as np
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    from aedr.autoencoders.families import family_label, members
    from aedr.figures.style import (
        COLOURS,
        COLUMN,
        draw_dots,
        is_spread_over_magnitudes,
        save_figure,
        style,
    )
    from aedr.scoring.methods import metric_name, short_signal_name, view_name
    from aedr.scoring.signals import FITTING
    from aedr.scoring.thresholds import fit_density
    from aedr.tables.files import read_table

    of_all = read_table(signals, "signals")
    of_all = of_all[of_all["metric"] == metric].dropna(subset=[signal])
    rows = of_all[of_all["autoencoder"] == family]
    fitted = read_table(thresholds, "thresholds").set_index(["autoencoder", "metric", "signal", "protocol"])
    threshold = fitted.loc[(family, metric, signal, "held_out")]
    label = family_label(members(read_table(autoencoders, "autoencoders"))[family])
    own = rows.loc[rows["belonging"] & (rows["split"] == FITTING), signal].to_numpy()
    logarithmic = is_spread_over_magnitudes(metric, signal)
    lowest, highest = of_all[signal].min(), of_all[signal].max()
    if logarithmic:
        margin = (highest / lowest) ** 0.03
        grid = np.geomspace(lowest / margin, highest * margin, 600)
    else:
        margin = 0.03 * (highest - lowest)
        grid = np.linspace(lowest - margin, highest + margin, 600)
    with style() as plt:
        height = 0.19 * len(sources)
        figure, (dots, curve) = plt.subplots(
            2, 1, sharex=True, figsize=(COLUMN, height + 1.15), height_ratios=(height, 0.5), layout="constrained"
        )
        # Places within a row are spread for the eye alone, the same way in every run.
        spread = np.random.default_rng(0)
        belonging = []
        for y, source in enumerate(sources):
            values = rows.loc[rows["source"] == source]
            belonging.append(bool(values["belonging"].any()))
            places = y + spread.uniform(-0.28, 0.28, len(values))
            draw_dots(dots, values[signal], places, COLOURS["own" if belonging[-1] else "other"])
        dots.set_ylim(len(sources) - 0.4, -0.6)
        dots.set_yticks(range(len(sources)), sources)
        for tick, is_own in zip(dots.get_yticklabels(), belonging, strict=True):
            if is_own:
                tick.set(color=COLOURS["own"], fontweight="bold")
        dots.tick_params(axis="y", length=0)
        dots.tick_params(axis="x", bottom=False)
        dots.spines[["left", "bottom"]].set_visible(False)
        if logarithmic:
            dots.set_xscale("log")
            decades = np.log10(highest / lowest)
            dots.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,)))
            dots.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            dots.xaxis.set_minor_formatter(NullFormatter())
        dots.set_xlim(grid[0], grid[-1])
        curve.fill_between(grid, fit_density(own)(grid), color=COLOURS["own"], alpha=0.35, linewidth=0)
        curve.set_ylim(bottom=0)
        curve.set_ylabel("density,\nown", fontsize=6.5)
        curve.set_yticks([])
        for axes in (dots, curve):
            axes.axvspan(
                threshold["threshold_low"], threshold["threshold_high"], color=COLOURS["ink"], alpha=0.13, linewidth=0
            )
            axes.axvline(threshold["threshold"], color=COLOURS["ink"], linewidth=0.9, linestyle="--")
        curve.set_xlabel(f"{short_signal_name(signal)} ({metric_name(metric)})")
        figure.suptitle(f"{label}: accepts left of {threshold['threshold']:.3g}", fontsize=7.5, x=0.01, ha="left")
        caption = (
            f"{view_name(metric, signal)} of every source's images as the autoencoder {label} sees them; blue and "
            f"bold: its own. Below, the density of its own images' signals. Left of the dashed line, at "
            f"{threshold['threshold']:.3g}, an image is accepted: the threshold for significance level "
            f"{threshold['alpha']:g}, fitted on {threshold['images']:.0f} own images, which are among those shown. The "
            f"band is its 95 % bootstrap interval, {threshold['threshold_low']:.3g} to "
            f"{threshold['threshold_high']:.3g}. The axis is the same for every autoencoder."
        )
        save_figure(figure, outputs, f"Signals under {label}", caption)


if __name__ == "__main__":
    with job(snakemake):
        plot_signals(
            snakemake.input.signals,
            snakemake.input.thresholds,
            snakemake.input.autoencoders,
            snakemake.output,
            snakemake.wildcards.autoencoder,
            snakemake.params.metric,
            snakemake.params.signal,
            snakemake.params.sources,
        )
