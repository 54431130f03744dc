"""Which model of each family is named for held-out images of each, and how that depends on the number of calls."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from aedr.figures.style import COLOURS, PAGE, SHADES, readable_on, save_figure, style
from aedr.verdicts.model_accuracy import VERDICT


def draw_models(confusion: pd.DataFrame, calls: pd.DataFrame, outputs: Sequence[str]) -> None:
    """Draw, for each family, the verdicts as a heat map, and the accuracy by the number of calls as curves.

    Args:
        confusion: the confusion table.
        calls: the table denoiser_calls.
    """
    verdicts = confusion[(confusion["protocol"] == VERDICT) & (confusion["left_out"] == "")]
    families = list(dict.fromkeys(verdicts["family"]))
    rows = [verdicts[verdicts["family"] == family]["source"].nunique() for family in families]
    with style() as plt:
        figure, grid = plt.subplots(
            len(families),
            2,
            figsize=(PAGE, sum(1.5 + 0.3 * count for count in rows)),
            squeeze=False,
            layout="constrained",
            gridspec_kw={"width_ratios": [1.7, 1], "height_ratios": [3 + count for count in rows]},
        )
        for (left, right), family in zip(grid, families, strict=True):
            _draw_answers(left, verdicts[verdicts["family"] == family])
            left.set_title(f"{family}: verdicts on held-out images, %")
            _draw_calls(right, calls[calls["family"] == family])
        caption = (
            "Left: what is said of held-out images of each model of a family, in percent, by the second stage's "
            "verdicts. Right: the share of them that the model with the smallest signal made, against how often each "
            "denoiser is asked about an image, with 95 % intervals."
        )
        save_figure(figure, outputs, "Which model within the family", caption)


def _draw_answers(axes: Any, verdicts: pd.DataFrame) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    shares = verdicts.pivot(index="source", columns="answer", values="share")
    sources, answers = list(dict.fromkeys(verdicts["source"])), list(dict.fromkeys(verdicts["answer"]))
    matrix = shares.loc[sources, answers]
    axes.imshow(matrix, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    for y, source in enumerate(sources):
        for x, answer in enumerate(answers):
            value = matrix.loc[source, answer]
            ink = readable_on(to_hex(colormaps[SHADES](value)))
            axes.text(x, y, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=7)
    axes.set_xticks(range(len(answers)), answers, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(sources)), sources)
    axes.set_ylabel("made by")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_calls(axes: Any, calls: pd.DataFrame) -> None:
    most = calls["levels"].max()
    for number, (levels, rows) in enumerate(sorted(calls.groupby("levels"), key=lambda entry: -entry[0])):
        if levels not in {1, (most + 1) // 2, most}:
            continue
        colour = COLOURS[f"series-{1 + number % 5}"]
        axes.plot(
            rows["calls"],
            100 * rows["share"],
            marker=".",
            color=colour,
            label=f"{levels} noise level{'s' * (levels > 1)}",
        )
        axes.fill_between(
            rows["calls"], 100 * rows["share_low"], 100 * rows["share_high"], color=colour, alpha=0.12, linewidth=0
        )
    axes.set_title("named rightly by the smallest signal, %")
    axes.set_xlabel("calls of each denoiser for an image")
    axes.set_ylim(0, 101)
    axes.grid(linewidth=0.4, color=COLOURS["ink"], alpha=0.2)
    axes.legend(frameon=False)
