"""Which model of each family is named for held-out images of each, and how that depends on the number of calls."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from aedr.figures.style import COLOURS, PAGE, save_figure, style
from aedr.verdicts.model_accuracy import SEVERAL_WITH, VERDICT
from aedr.verdicts.models import CANNOT_SAY_WHICH, NO_MODEL

# What is said of a model's images, with the colour of its part of a bar.
SAID = {
    "it": "own",
    SEVERAL_WITH: "series-3",
    CANNOT_SAY_WHICH: "other",
    NO_MODEL: "series-5",
    "others": "wrong",
}


def draw_models(confusion: pd.DataFrame, calls: pd.DataFrame, outputs: Sequence[str]) -> None:
    """Draw, for each family, the verdicts as bars, and the accuracy by the number of calls as curves.

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
            figsize=(PAGE, sum(1.2 + 0.28 * count for count in rows)),
            squeeze=False,
            layout="constrained",
            gridspec_kw={"width_ratios": [1.4, 1], "height_ratios": [3 + count for count in rows]},
        )
        for (left, right), family in zip(grid, families, strict=True):
            _draw_verdicts(left, verdicts[verdicts["family"] == family])
            left.set_title(f"{family}: verdicts on held-out images, %")
            _draw_calls(right, calls[calls["family"] == family])
        caption = (
            "Left: what the second stage's verdicts say of held-out images of each model of a family. Right: the share "
            "of them that the model with the smallest signal made, against how often each denoiser is asked about an "
            "image, with 95 % intervals."
        )
        save_figure(figure, outputs, "Which model within the family", caption)


def _draw_verdicts(axes: Any, verdicts: pd.DataFrame) -> None:
    said = verdicts["answer"].where(verdicts["answer"].isin(SAID), "others")
    said = said.where(verdicts["answer"] != verdicts["source"], "it")
    shares = verdicts.assign(said=said).groupby(["source", "said"])["share"].sum().unstack(fill_value=0.0)
    sources = list(dict.fromkeys(verdicts["source"]))
    shares = shares.reindex(index=sources, columns=list(SAID), fill_value=0.0)
    left = 0 * shares["it"]
    for name, colour in SAID.items():
        label = {"it": "this model, rightly", "others": "other models"}.get(name, name)
        axes.barh(range(len(sources)), 100 * shares[name], left=left, color=COLOURS[colour], label=label, height=0.7)
        left = left + 100 * shares[name]
    axes.set_yticks(range(len(sources)), sources)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_ylabel("made by")
    axes.tick_params(axis="y", length=0)
    axes.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12))


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
