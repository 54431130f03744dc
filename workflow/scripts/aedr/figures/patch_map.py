"""An image next to the loss ratio of its patches."""

import textwrap
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

    The colours span this image's ratios. Normalisation inside an autoencoder spreads the effect of a pasted part over
    the whole image, so only the differences within an image mean something.
    """
    from matplotlib.colors import LogNorm

    with style() as plt:
        figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 2.7), layout="constrained")
        show_picture(left, pixels)
        # A map without any ratio stays empty.
        known = ratios[np.isfinite(ratios)] if np.isfinite(ratios).any() else np.ones(1)
        norm = LogNorm(known.min(), known.max())
        shown = right.imshow(np.ma.masked_invalid(ratios), cmap=SHADES, norm=norm, interpolation="nearest")
        right.set(xticks=[], yticks=[])
        right.spines[:].set_visible(False)
        left.set_title(textwrap.fill(name, 36, max_lines=2, placeholder=" ..."))
        right.set_title(f"{metric_name(metric)} loss ratio under {autoencoder}\nlow: typical of images that it decoded")
        bar = figure.colorbar(shown, ax=right)
        bar.outline.set_visible(False)
        # Ticks at decades would be few or none for one image.
        ticks = np.geomspace(shown.norm.vmin, shown.norm.vmax, 5)
        bar.set_ticks(ticks, labels=[np.format_float_positional(tick, 3, fractional=False, trim="-") for tick in ticks])
        bar.minorticks_off()
        caption = (
            f"The image {name}, and the {metric_name(metric)} loss ratio of its patches under the autoencoder "
            f"{autoencoder}. Low ratios are typical of images that the autoencoder decoded. The colours span the "
            "ratios of this image: only differences within it mean something."
        )
        save_figure(figure, outputs, f"{name} under {autoencoder}", caption)
        # One process draws all maps of a query.
        plt.close(figure)
