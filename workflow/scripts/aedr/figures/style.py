"""The style of all figures: sizes, colours, and how they are saved."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aedr.images.pictures import Pixels

# Widths in inches: one column and the full width of a page in AAAI's format.
COLUMN, PAGE = 3.33, 7.0

# Their lightness differs too, for readers and printers without colours. A page replaces each by `var(--NAME)`, so none
# may be a colour that Matplotlib uses by itself.
COLOURS = {
    "ink": "#1b1f24",
    "own": "#00538a",
    "other": "#808a94",
    "wrong": "#b3400b",
    "series-1": "#2c4eb1",
    "series-2": "#de590b",
    "series-3": "#009b85",
    "series-4": "#bc6ff4",
    "series-5": "#644300",
}
# Its lightness rises evenly, also for red-green colour blindness (Nunez, Anderton and Renslow, PLoS ONE 2018).
SHADES = "cividis"
LOWEST_SHADE = 0.5
# The longest side, in pixels, up to which a picture is shown pixel by pixel.
SMALL = 128

# Typed loosely, because matplotlib's own type lists every key by name.
STYLE: dict[Any, Any] = {
    "axes.edgecolor": COLOURS["ink"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 7.5,
    "font.sans-serif": ["DejaVu Sans", "Arial", "sans-serif"],
    "font.size": 7,
    "legend.fontsize": 6.5,
    # Every dot is a stroke of almost no length; simplification would remove it.
    "path.simplify": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "aedr",
    "text.color": COLOURS["ink"],
    # A "$" in a name would begin a formula.
    "text.parse_math": False,
    "xtick.color": COLOURS["ink"],
    "xtick.labelsize": 6.5,
    "ytick.color": COLOURS["ink"],
    "ytick.labelsize": 6.5,
}


@contextlib.contextmanager
def style() -> Iterator[Any]:
    """Yield `matplotlib.pyplot` in the style of all figures; it draws only to files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with matplotlib.rc_context(STYLE):
        yield plt


def is_spread_over_magnitudes(metric: str, signal: str) -> bool:
    """Return whether a signal's axis is logarithmic. Residuals and PSNR are logarithms already."""
    return signal != "residual" and (signal, metric) != ("first_loss", "psnr")


def shade_table() -> list[tuple[str, str]]:
    """Return the colours, as #rrggbb, of accuracies 0.50, 0.51, ... 1.00 and of the text on each."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    papers = [to_hex(colour) for colour in colormaps[SHADES](np.linspace(0, 1, 51))]
    return [(paper, readable_on(paper)) for paper in papers]


def shade_place(accuracy: float) -> int:
    """Return the place of an accuracy's colour in `shade_table`."""
    return max(0, round(100 * (accuracy - LOWEST_SHADE)))


def readable_on(colour: str) -> str:
    """Return black or white, the one with the higher contrast on #rrggbb (WCAG 2.2: always at least 4.5 to 1)."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    # At 0.179 the contrast to black, (L + .05) / .05, equals that to white, 1.05 / (L + .05).
    return "#000000" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "#ffffff"


def draw_dots(
    axes: Any, x: npt.ArrayLike, y: npt.ArrayLike, colour: str, size: float = 2.0, alpha: float = 0.6
) -> None:
    """Draw a dot at each point, all as one path of round strokes, so that thousands are one small SVG element."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if not len(x):
        return
    points = np.repeat(np.column_stack([x, y]), 2, axis=0)
    points[1::2, 1] += 0.004
    codes = np.tile([Path.MOVETO, Path.LINETO], len(x))
    dots = PathPatch(Path(points, codes), fill=False, edgecolor=colour, linewidth=size, capstyle="round", alpha=alpha)
    axes.add_patch(dots)


def show_picture(axes: Any, pixels: Pixels) -> None:
    """Show RGB pixels (uint8, height x width x 3) without axes.

    Small pictures are shown pixel by pixel, because pixels are what the method measures.
    """
    axes.imshow(pixels, interpolation="nearest" if max(pixels.shape) <= SMALL else "antialiased")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def save_figure(figure: Any, outputs: Sequence[str], title: str, caption: str) -> None:
    """Save a figure with its caption inside, in the format of each output's suffix: the same bytes every time."""
    metadata = {
        "svg": {"Title": title, "Description": caption, "Date": None},
        "pdf": {"Title": title, "Subject": caption, "CreationDate": None},
        "png": {"Title": title, "Description": caption, "Software": None},
    }
    # The layout is done once, so that it does not depend on a file's resolution or on which file is written first.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for output in outputs:
        suffix = output.rpartition(".")[2]
        # An SVG is also shown on pages, which may be dark.
        figure.savefig(output, dpi=220, metadata=metadata[suffix], transparent=suffix == "svg")
