"""Pictures of every source, one named row per source."""

from collections.abc import Mapping, Sequence

from aedr.figures.style import PAGE, save_figure, show_picture, style
from aedr.images.pictures import Pixels


def draw_sources(pictures: Mapping[str, Sequence[Pixels]], outputs: Sequence[str]) -> None:
    """Draw a row of pictures for each source; all sources must have equally many."""
    columns = len(next(iter(pictures.values())))
    with style() as plt:
        figure, grid = plt.subplots(
            len(pictures),
            columns,
            figsize=(PAGE, 0.95 * PAGE / columns * len(pictures)),
            squeeze=False,
            layout="constrained",
        )
        for row, (source, of_source) in zip(grid, pictures.items(), strict=True):
            for axes, pixels in zip(row, of_source, strict=True):
                show_picture(axes, pixels)
            row[0].set_ylabel(source, rotation=0, ha="right", va="center")
        caption = f"{columns} pictures of each source, spread evenly over it: {', '.join(pictures)}."
        save_figure(figure, outputs, "Sources", caption)
