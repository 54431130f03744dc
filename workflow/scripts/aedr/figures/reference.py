"""The figure of verdicts: every autoencoder's own images and the real images, drawn once for all queried images."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aedr.figures.inline import inline_figure
from aedr.figures.style import COLOURS, draw_dots, style
from aedr.verdicts.decision import RATIOS, REAL, Reference

WIDTH, ROW = 3.8, 0.32


@dataclass(frozen=True)
class ReferenceFigure:
    """The part of a figure that all queried images share, and the places of their signals in it.

    Lengths are in points, from the top left. `content` is the inside of an SVG of `width` by `height`. `places` has the
    point (x, y) of each queried image's signal, by autoencoder.
    """

    content: str
    width: float
    height: float
    half_row: float
    places: Sequence[Mapping[str, tuple[float, float]]]


def draw_reference(
    reference: Reference, signals: Sequence[Mapping[str, float]], labels: Mapping[str, str]
) -> ReferenceFigure:
    """Draw the reference images on an axis that includes all `signals`: for each image, its signal by autoencoder."""
    real = {
        name: reference.others[REAL][name].dropna().to_numpy(dtype=float) if REAL in reference.others else np.empty(0)
        for name in reference.own
    }
    everything = np.concatenate(
        [
            *(np.asarray(values, dtype=float) for values in reference.own.values()),
            *real.values(),
            [value for of_image in signals for value in of_image.values()],
        ]
    )
    rows = list(reference.own)
    with style() as plt:
        figure, axes = plt.subplots(figsize=(WIDTH, 0.45 + ROW * len(rows)), dpi=72, layout="constrained")
        spread = np.random.default_rng(0)
        if reference.signal in RATIOS and everything.min() > 0:
            axes.set_xscale("log")
            # Matplotlib's own would be formulas, and a figure shows the source of a formula.
            axes.xaxis.set_major_formatter("{x:g}")
        for y, name in enumerate(rows):
            for values, colour, side in ((reference.own[name], "own", -1), (real[name], "other", 1)):
                draw_dots(axes, values, y + side * spread.uniform(0.04, 0.32, len(values)), COLOURS[colour])
        low, high = axes.transScale.transform([(everything.min(), 0), (everything.max(), 0)])[:, 0]
        ends = [(low - 0.03 * (high - low), 0), (high + 0.03 * (high - low), 0)]
        axes.set_xlim(*axes.transScale.inverted().transform(ends)[:, 0])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [labels[name] for name in rows])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("signal")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Description": "", "Date": None}, transparent=True)
        height = figure.get_figheight() * 72
        places = [
            {
                name: (round(x, 2), round(height - y, 2))
                for name, (x, y) in (
                    (name, axes.transData.transform((value, rows.index(name)))) for name, value in of_image.items()
                )
            }
            for of_image in signals
        ]
        half_row = abs(float(np.diff(axes.transData.transform([(everything[0], 0), (everything[0], 0.4)])[:, 1])[0]))
        plt.close(figure)
    content, _ = inline_figure(text.getvalue(), "reference")
    content = content[content.index(">") + 1 : content.rindex("</svg>")]
    return ReferenceFigure(content, round(WIDTH * 72, 2), round(height, 2), round(half_row, 2), places)
