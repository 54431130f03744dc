"""Damaged images: how well every method tells them apart, by transform and by the strength of the damage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aedr.figures.series import series_look
from aedr.figures.style import COLOURS, PAGE, save_figure, style
from aedr.robustness.scores import shown_methods
from aedr.scoring.methods import method_name
from aedr.scoring.protocols import ALIKE, FITTED_ON
from aedr.study.rivals import RIVALS
from aedr.study.transform_steps import UNTOUCHED, Steps, strength_axes


@dataclass(frozen=True)
class Panel:
    """A column of `robustness.csv` by one protocol, its name in the figure, and the highest start of its axis."""

    value: str
    protocol: str
    name: str
    lowest: float


PANELS = (
    Panel("accuracy", UNTOUCHED, "accuracy", 0.45),
    Panel("accuracy", ALIKE, "accuracy", 0.45),
    Panel("true_positive_rate_at_1_percent", ALIKE, "TPR at 1 % FPR", -0.03),
)
GRID: Mapping[str, Any] = {"linewidth": 0.4, "color": COLOURS["ink"], "alpha": 0.2}
SCORED = (
    "means over every pair of an autoencoder and a source that is not its own, on held-out images. Every source is "
    "damaged alike. Parameters and thresholds are fitted on untouched own images, or on own images damaged alike. TPR "
    "at 1 % FPR: true positives at 1 % false positives."
)


def draw_transforms(means: pd.DataFrame, configured: tuple[str, str], outputs: Sequence[str]) -> None:
    """Draw a row for each transform, untouched images first, with a marker for each method.

    Args:
        means: `robustness.csv`.
        configured: the metric and the signal that the study was configured with.
    """
    transforms = list(means["transform"].unique())
    methods = shown_methods(means, configured)
    key = ["protocol", "metric", "signal", "transform"]
    values = means.set_index(key).sort_index()
    # Equal values must not hide each other.
    shifts = np.linspace(-0.3, 0.3, len(methods))
    height = 0.8 + (0.12 + 0.03 * len(methods)) * len(transforms)
    with style() as plt:
        figure, axes_of_panels = plt.subplots(1, len(PANELS), sharey=True, figsize=(PAGE, height), layout="constrained")
        for axes, panel in zip(axes_of_panels, PANELS, strict=True):
            for shift, (name, method) in zip(shifts, methods.items(), strict=True):
                axes.plot(
                    values.loc[(panel.protocol, *method), panel.value].reindex(transforms),
                    np.arange(len(transforms)) + shift,
                    linestyle="none",
                    label=name,
                    **_marker(method),
                )
            axes.set_title(f"{panel.name},\nfitted on {FITTED_ON[panel.protocol]}")
            axes.set_xlim(min(panel.lowest, means[panel.value].min() - 0.03), 1.03)
            axes.set_ylim(len(transforms) - 0.5, -0.5)
            axes.grid(axis="x", **GRID)
            for boundary in range(1, len(transforms)):
                axes.axhline(boundary - 0.5, **GRID)
            axes.spines["left"].set_visible(False)
            axes.tick_params(axis="y", length=0)
        axes_of_panels[0].set_yticks(range(len(transforms)), transforms)
        _add_legend(figure, axes_of_panels[0])
        caption = f"Robustness after every transform: {SCORED} {_say_configured(configured)}"
        save_figure(figure, outputs, "Robustness", caption)


def draw_strengths(
    means: pd.DataFrame, transforms: Mapping[str, Steps], configured: tuple[str, str], outputs: Sequence[str]
) -> None:
    """Draw a column for each number in which `transforms` differ, with a line for each method.

    A dotted line shows each method on untouched images.

    Args:
        means: `robustness.csv`.
        configured: the metric and the signal that the study was configured with.
    """
    values = means.set_index(["protocol", "metric", "signal", "transform"]).sort_index()
    columns = strength_axes(transforms)
    with style() as plt:
        figure, grid = plt.subplots(
            len(PANELS),
            len(columns),
            squeeze=False,
            sharex="col",
            sharey="row",
            figsize=(PAGE, 5.2),
            layout="constrained",
        )
        for row, panel in zip(grid, PANELS, strict=True):
            row[0].set_ylabel(f"{panel.name},\nfitted on\n{FITTED_ON[panel.protocol]}")
            for axes, column in zip(row, columns, strict=True):
                for name, method in shown_methods(means, configured).items():
                    line = values.loc[(panel.protocol, *method), panel.value]
                    heights = line.reindex(list(column.strengths))
                    look = _marker(method)
                    dashes = "--" if method[0] in RIVALS else "-"
                    strengths = list(column.strengths.values())
                    axes.plot(strengths, heights, label=name, linewidth=0.9, linestyle=dashes, **look)
                    axes.axhline(line[UNTOUCHED], color=look["color"], linestyle=":", linewidth=0.8)
                axes.grid(**GRID)
        for axes, column in zip(grid[-1], columns, strict=True):
            axes.set_xlabel(column.label)
        _add_legend(figure, grid[0, 0])
        caption = (
            f"Robustness against the strength of the damage, for transforms that differ in only one number: {SCORED} "
            f"Dashed: rivals. Dotted: the same methods on untouched images. {_say_configured(configured)}"
        )
        save_figure(figure, outputs, "Robustness against strength", caption)


def _marker(method: tuple[str, str]) -> dict[str, Any]:
    return {"markersize": 3.4, "markeredgewidth": 0, **series_look(*method)}


def _add_legend(figure: Any, axes: Any) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)


def _say_configured(configured: tuple[str, str]) -> str:
    return f"The study was configured with {method_name(*configured)}."
