"""An image beside the loss ratio of its patches."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aedr.figures.style import SHADES, save_figure, show_picture, style
from aedr.images.pictures import Pixels
from aedr.scoring.methods import metric_name


def draw_patch_map(
    pixels: Pixels,
    ratios: npt.NDArray[np.float64],
    name: str,
    metric: str,
    autoencoder: str,
    outputs: Sequence[str],
) -> None:
    """Draw an image called `name` and the ratios of its patches, shape (rows, columns), nan where there is none.

    The colours span the image's own ratios: normalisation inside an autoencoder carries a pasted part's disturbance to
    the rest, so that only the differences within an image mean something.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import StrMethodFormatter

    with style() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 2.7), layout="constrained")
        show_picture(left, pixels)
        shown = right.imshow(np.ma.masked_invalid(ratios), cmap=SHADES, norm=LogNorm(), interpolation="nearest")
        right.set(xticks=[], yticks=[])
        left.set_title(name)
        right.set_title(f"{metric_name(metric)} loss ratio under {autoencoder}\nlow: more like decoded by it")
        bar = figure.colorbar(shown, ax=right)
        bar.outline.set_visible(False)
        bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
        bar.ax.yaxis.set_minor_formatter(StrMethodFormatter("{x:.3g}"))
        caption = (
            f"The image {name}, and the {metric_name(metric)} loss ratio of its patches under the autoencoder "
            f"{autoencoder}. A low ratio is more like that of an image which the autoencoder decoded. The colours span "
            "the ratios of this image: only differences within it mean something."
        )
        save_figure(figure, outputs, f"{name} under {autoencoder}", caption)
        # One process draws a whole query.
        plt.close(figure)
