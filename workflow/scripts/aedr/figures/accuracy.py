"""The accuracy matrix: a row for each family of autoencoders, a column for each source, own images framed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from aedr.figures.style import COLOURS, LOWEST_SHADE, PAGE, SHADES, save_figure, shade_place, shade_table, style
from aedr.scoring.methods import PUBLISHED, method_name, view_name
from aedr.scoring.protocols import PROTOCOLS


def draw_accuracy(
    cells: pd.DataFrame,
    labels: Mapping[str, str],
    sources: Sequence[str],
    configured: tuple[str, str],
    outputs: Sequence[str],
) -> None:
    """Draw labelled heat maps of the accuracy table, in the order of `labels` and `sources`.

    The first is AEDR as published, if its metric was measured. The second is the configured signal on held-out images.

    Args:
        labels: the name of each family in the figure.
        configured: the metric and the signal that the study was configured with.
    """
    panels = [(*PUBLISHED, "same_images")] if (cells["metric"] == PUBLISHED[0]).any() else []
    panels.append((*configured, "held_out"))
    with style() as plt:
        width = min(PAGE, 1.7 + 0.75 * len(sources))
        height = 0.55 + 0.34 * len(labels)
        figure, grid = plt.subplots(
            len(panels),
            1,
            figsize=(width, 0.5 + height * len(panels)),
            squeeze=False,
            layout="constrained",
            sharex=True,
        )
        means = []
        for axes, (metric, signal, protocol) in zip(grid[:, 0], panels, strict=True):
            chosen = cells[(cells["metric"] == metric) & (cells["signal"] == signal)]
            shown = _draw_cells(axes, chosen[chosen["protocol"] == protocol], labels, sources)
            others = chosen[~chosen["belonging"]].groupby("protocol")["accuracy"].mean()
            mean = f"mean {100 * others[protocol]:.1f} %"
            if protocol == "same_images":
                mean += f" (held out: {100 * others['held_out']:.1f} %)"
            name = f"{method_name(*PUBLISHED)}: " * (protocol == "same_images") + view_name(metric, signal)
            axes.set_title(f"{name}\n{PROTOCOLS[protocol].title}: {mean}")
            means.append(f"{name}. {PROTOCOLS[protocol].title}: {mean}.")
        figure.supylabel("inspected autoencoder", fontsize=7)
        figure.supxlabel("source of the images", fontsize=7)
        bar = figure.colorbar(shown, ax=grid[:, 0].tolist(), extend="min", label="accuracy", aspect=40)
        bar.outline.set_visible(False)
        caption = (
            "Accuracy in percent for every pair of an inspected autoencoder and a source of images, with a 95 % "
            "interval of what this threshold reaches on new images. Accuracy is the mean of two shares: the "
            "autoencoder's own images that it accepts, and the source's images that it rejects. Framed: the share of "
            "own images accepted. "
            f"{' '.join(means)} Shades begin at {LOWEST_SHADE:.0%}."
        )
        save_figure(figure, outputs, "Accuracy matrix", caption)


def _draw_cells(axes: Any, cells: pd.DataFrame, labels: Mapping[str, str], sources: Sequence[str]) -> Any:
    from matplotlib.patches import Rectangle

    by_pair = cells.set_index(["autoencoder", "source"])
    matrix = by_pair["accuracy"].unstack().loc[list(labels), list(sources)]
    shown = axes.imshow(matrix, cmap=SHADES, vmin=LOWEST_SHADE, vmax=1, aspect="auto")
    shades = shade_table()
    for y, autoencoder in enumerate(labels):
        for x, source in enumerate(sources):
            cell = by_pair.loc[autoencoder, source]
            _, ink = shades[shade_place(cell["accuracy"])]
            text = {"ha": "center", "va": "center", "color": ink}
            axes.text(x, y - 0.12, f"{100 * cell['accuracy']:.1f}", fontsize=7, **text)
            interval = f"{100 * cell['accuracy_low']:.0f} to {100 * cell['accuracy_high']:.0f}"
            axes.text(x, y + 0.25, interval, fontsize=4.8, **text)
            if cell["belonging"]:
                frame: dict[str, Any] = {"fill": False, "clip_on": False, "zorder": 3}
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, edgecolor="white", lw=2.6, **frame))
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, edgecolor=COLOURS["ink"], lw=1.4, **frame))
    axes.set_xticks(range(len(sources)), sources, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), list(labels.values()))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return shown
