"""One family's signals by source, with its threshold and the density of its own images' signals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aedr.figures.style import COLOURS, COLUMN, draw_dots, is_spread_over_magnitudes, save_figure, style
from aedr.scoring.methods import axis_name, view_name
from aedr.scoring.signals import FITTING
from aedr.scoring.thresholds import fit_density
from aedr.seeds import sample_of

# More cannot be told apart in a figure of this size, and make it too large for a page with many figures.
MOST_DOTS = 10_000


def draw_signals(
    signals: pd.DataFrame,
    extremes: tuple[float, float],
    threshold: Mapping[str, Any],
    label: str,
    sources: Sequence[str],
    drawn: tuple[str, str],
    bandwidth: str,
    outputs: Sequence[str],
) -> None:
    """Draw a row of dots for every source's signals, above the density of the own images' signals.

    The axis is the same for every family, so that their figures can be compared. With more than `MOST_DOTS` images,
    a sample of each source's is drawn; the density is that of all.

    Args:
        signals: rows of the signals table, of the family and the metric.
        extremes: the lowest and the highest signal of all families.
        threshold: the row of the thresholds table for this family and signal.
        label: the name of the family in the figure.
        drawn: the metric and the signal.
        bandwidth: the rule of the density, a key of `aedr.scoring.thresholds.BANDWIDTHS`.
    """
    metric, signal = drawn
    rows = signals.dropna(subset=[signal])
    own = rows.loc[rows["belonging"] & (rows["split"] == FITTING), signal].to_numpy()
    is_logarithmic = is_spread_over_magnitudes(metric, signal)
    lowest, highest = extremes
    if is_logarithmic:
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
        at_most = max(1, MOST_DOTS // len(sources))
        is_sampled = rows["source"].value_counts().max() > at_most
        _draw_sources(dots, rows, signal, sources, at_most)
        if is_logarithmic:
            _scale_by_magnitude(dots, np.log10(highest / lowest))
        dots.set_xlim(grid[0], grid[-1])
        curve.fill_between(grid, fit_density(own, bandwidth)(grid), color=COLOURS["own"], alpha=0.35, linewidth=0)
        curve.set_ylim(bottom=0)
        curve.set_ylabel("density,\nown", fontsize=6.5)
        curve.set_yticks([])
        for axes in (dots, curve):
            axes.axvspan(
                threshold["threshold_low"], threshold["threshold_high"], color=COLOURS["ink"], alpha=0.13, linewidth=0
            )
            axes.axvline(threshold["threshold"], color=COLOURS["ink"], linewidth=0.9, linestyle="--")
        curve.set_xlabel(axis_name(metric, signal))
        figure.suptitle(f"{label}: accepts left of {threshold['threshold']:.3g}", fontsize=7.5, x=0.01, ha="left")
        shown = "" if is_sampled else " shown"
        caption = (
            f"{view_name(metric, signal)} of every source's images under the autoencoder {label}; blue and bold: its "
            f"own images. Below: the density of its own images' signals. Images left of the dashed line are accepted. "
            f"The line is the threshold, {threshold['threshold']:.3g}, for significance level {threshold['alpha']:g}, "
            f"fitted on {threshold['images']:.0f} of the own images{shown}. The band is its 95 % interval over "
            f"resampled own images, {threshold['threshold_low']:.3g} to {threshold['threshold_high']:.3g}. The axis is "
            "the same for every autoencoder."
        )
        if is_sampled:
            caption += f" Of each source, at most {at_most} images are drawn, chosen by chance."
        save_figure(figure, outputs, f"Signals under {label}", caption)


def _draw_sources(axes: Any, rows: pd.DataFrame, signal: str, sources: Sequence[str], at_most: int) -> None:
    # The spread within a row only separates the dots; it is the same in every run.
    spread = np.random.default_rng(0)
    belonging = []
    for y, source in enumerate(sources):
        values = rows.loc[rows["source"] == source]
        values = values[values["image_id"].isin(sample_of(values["image_id"].tolist(), at_most, "dots"))]
        belonging.append(bool(values["belonging"].any()))
        places = y + spread.uniform(-0.28, 0.28, len(values))
        draw_dots(axes, values[signal], places, COLOURS["own" if belonging[-1] else "other"])
    axes.set_ylim(len(sources) - 0.4, -0.6)
    axes.set_yticks(range(len(sources)), sources)
    for tick, is_own in zip(axes.get_yticklabels(), belonging, strict=True):
        if is_own:
            tick.set(color=COLOURS["own"], fontweight="bold")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", bottom=False)
    axes.spines[["left", "bottom"]].set_visible(False)


def _scale_by_magnitude(axes: Any, decades: float) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
