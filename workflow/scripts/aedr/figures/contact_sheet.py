"""A sample of a source's images with their prompts."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aedr.figures.style import PAGE, save_figure, show_picture, style
from aedr.images.pictures import decode_image

ROWS, COLUMNS = 4, 6


def draw_contact_sheet(images: pd.DataFrame, source: str, outputs: Sequence[str]) -> None:
    """Draw a grid of images, spread evenly over the images table; one without a picture shows its reason."""
    chosen = np.linspace(0, len(images) - 1, min(len(images), ROWS * COLUMNS)).round().astype(int)
    sample = images.iloc[chosen]
    rows = -(-len(sample) // COLUMNS)
    with style() as plt:
        figure, grid = plt.subplots(
            rows, COLUMNS, figsize=(PAGE, rows * PAGE / COLUMNS * 1.3), squeeze=False, layout="constrained"
        )
        figure.get_layout_engine().set(h_pad=0.06)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, row in zip(grid.flat, sample.itertuples(), strict=False):
            if isinstance(row.reason, str):
                axes.text(0.5, 0.5, textwrap.fill(_printable(row.reason), 22), ha="center", va="center", fontsize=5)
            else:
                show_picture(axes, decode_image(row.image["bytes"]))
            label = _printable(row.prompt if isinstance(row.prompt, str) else row.image_id)
            axes.set_title(textwrap.fill(label, 27, max_lines=4, placeholder=" ..."), fontsize=4.5)
        caption = f"{len(sample)} images of {source}, spread evenly over its first {len(images)}, with their prompts."
        save_figure(figure, outputs, f"Images of {source}", caption)


def _printable(text: str) -> str:
    """Return a text without characters that an SVG must not contain or that change the direction of writing."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
