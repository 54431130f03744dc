"""The accuracy of every metric and signal, cell by cell."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aedr.figures.style import COLOURS, COLUMN, draw_dots, save_figure, style
from aedr.scoring.methods import PUBLISHED, metric_name, short_signal_name
from aedr.scoring.signals import SIGNALS


def draw_comparison(cells: pd.DataFrame, configured: tuple[str, str], outputs: Sequence[str]) -> None:
    """Draw, for every metric and signal, a dot for the accuracy of each cell except own images, and their mean.

    The rows of the `configured` metric and signal and of AEDR as published are in bold.

    Args:
        cells: the accuracy table.
    """
    cells = cells[~cells["belonging"]]
    # A rival without a second loss has only one signal.
    signals_of = {
        name: [kind for kind in SIGNALS if kind in set(rows["signal"])]
        for name, rows in cells.groupby("metric", sort=False)
    }
    lines = sum(1 + len(kinds) for kinds in signals_of.values())
    with style() as plt:
        figure, axes = plt.subplots(figsize=(COLUMN, 0.55 + 0.145 * lines), layout="constrained")
        spread = np.random.default_rng(0)
        places, labels = [], []
        y = 0.0
        for name, kinds in signals_of.items():
            axes.text(0, y, metric_name(name), transform=axes.get_yaxis_transform(), fontweight="bold", va="center")
            y += 1
            for kind in kinds:
                rows = cells[(cells["metric"] == name) & (cells["signal"] == kind)]
                held_out = rows.loc[rows["protocol"] == "held_out", "accuracy"]
                draw_dots(axes, held_out, y + spread.uniform(-0.22, 0.22, len(held_out)), COLOURS["other"], alpha=0.5)
                same_images = rows.loc[rows["protocol"] == "same_images", "accuracy"]
                mean = {"linestyle": "none", "color": COLOURS["own"], "clip_on": False, "zorder": 3}
                if len(same_images):
                    axes.plot(
                        same_images.mean(), y, "D", markersize=4, markerfacecolor="none", markeredgewidth=0.8, **mean
                    )
                axes.plot(held_out.mean(), y, "o", markersize=3.6, **mean)
                places.append(y)
                labels.append((kind, (name, kind) in [PUBLISHED, configured]))
                y += 1
        axes.set_ylim(y - 0.5, -0.7)
        axes.set_yticks(places, [short_signal_name(kind) for kind, _ in labels])
        for tick, (_, is_bold) in zip(axes.get_yticklabels(), labels, strict=True):
            tick.set_fontweight("bold" if is_bold else "normal")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", linewidth=0.4, color=COLOURS["ink"], alpha=0.2)
        axes.set_xlim(min(0.5, cells["accuracy"].min() - 0.01), 1.005)
        axes.set_xlabel("accuracy: pairs (grey), their mean (blue)")
        axes.spines["left"].set_visible(False)
        caption = (
            "Accuracy by metric and signal. Grey: every pair of an autoencoder and a source that is not its own, on "
            "held-out images. Blue disc: their mean. Blue diamond: the mean with thresholds scored on the "
            "images that they were fitted on; signals with fitted parameters have none. Bold: AEDR "
            "as published and the signal that the study was configured with."
        )
        save_figure(figure, outputs, "Accuracy by metric and signal", caption)
