"""Where in an image the loss ratio looks like an autoencoder's own: a map for edited or composite images."""

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from aedr.autoencoders.loading import Autoencoder
from aedr.errors import UnusableImage
from aedr.images.pictures import Pixels
from aedr.reconstruction.losses import ENERGIES
from aedr.reconstruction.pixels import apply_fit, fit_to_grid, to_tensor


def ratio_map(
    autoencoder: Autoencoder, pixels: Pixels, metric: str, patch: int, stride: int
) -> npt.NDArray[np.float64]:
    """Return the ratio of first to second loss of every patch of an image, shape (rows, columns).

    The whole image is reconstructed, so that patches have their surroundings, and the losses are averaged over patches.
    A patch of the whole image's size has the whole image's ratio.

    Args:
        pixels: RGB, uint8, shape (height, width, 3). They must begin on the grid; the right and bottom are cut to it.
        metric: l2, high_frequency or mid_frequency.
        patch: side of a patch in pixels.
        stride: from one patch to the next, in pixels.

    Returns:
        Ratios; nan where the second loss is zero.

    Raises:
        UnusableImage: the image is smaller than a patch, or too small to be reconstructed.
    """
    height, width = pixels.shape[:2]
    fitted = apply_fit(pixels, fit_to_grid(height, width, autoencoder.factor, "crop", None))
    if min(fitted.shape[:2]) < patch:
        raise UnusableImage(f"{width}x{height} pixels have no room for a patch of {patch} on the grid")
    image = to_tensor([fitted], autoencoder.network.device)

    def losses(difference: torch.Tensor) -> torch.Tensor:
        energy = ENERGIES[metric](difference).mean(1, keepdim=True)
        if metric != "l2":
            # Zeros replace the rim that the Laplacian loses. Both losses have them, so they do not change the ratio.
            energy = F.pad(energy, (1, 1, 1, 1))
        if metric == "mid_frequency":
            energy = F.interpolate(energy, size=difference.shape[2:], mode="nearest")
        return F.avg_pool2d(energy, patch, stride)[0, 0]

    with torch.inference_mode():
        first = autoencoder.reconstruct(image, "mode", ())
        second = autoencoder.reconstruct(first, "mode", ())
        first_loss, second_loss = losses(first - image), losses(second - first)
        ratios = torch.where(second_loss > 0, first_loss / second_loss, torch.nan)
    return ratios.cpu().numpy()
