"""RONAN for latents: how well an image can be reproduced from a random latent, relative to its complexity."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from aedr.autoencoders.latent_units import latent_units
from aedr.autoencoders.loading import Autoencoder, normal_noise
from aedr.images.pictures import Pixels
from aedr.reconstruction.losses import LossPair
from aedr.reconstruction.pixels import to_pixels
from aedr.rivals.descent import smallest_losses


def measure(
    autoencoder: Autoencoder, images: torch.Tensor, seeds: Sequence[int], steps: int, learning_rate: float
) -> list[LossPair]:
    """Return each image's smallest mean squared error in a descent from normal noise, divided by its 2-D entropy.

    Wang et al., NeurIPS 2023, and github.com/ZhentingWang/RONAN: run Adam and keep the smallest loss. Its README runs
    1500 steps with learning rate 0.1 for small models, and gives no command for latent diffusion. The code prints loss
    and complexity separately. We read the paper as dividing the loss by the complexity, times a constant. The constant
    is left out here, because no decision at a fitted threshold depends on it. An image without complexity, which is
    black everywhere, has no loss.
    """
    with torch.no_grad():
        latents = autoencoder.encode(images)
    units = latent_units(autoencoder.network, latents)
    start = normal_noise(latents, seeds) / units.scale + units.mean
    losses = smallest_losses(autoencoder, images, start, steps, learning_rate).cpu().numpy()
    entropies = np.array([entropy_2d(pixels) for pixels in to_pixels(images)])
    return [
        (float(loss / entropy) if entropy else np.nan, None) for loss, entropy in zip(losses, entropies, strict=True)
    ]


def entropy_2d(pixels: Pixels) -> float:
    """Return the 2-D entropy of an image in bits, over pairs of a grey level and the sum of its eight neighbours.

    As in RONAN's `complexity.py`, the image is surrounded by zeros, and the mean of the neighbours is not rounded. That
    code divides counts by the size including this border, so its probabilities add up to less than one; ours add up to
    one.
    """
    grey: npt.NDArray[np.int64] = np.asarray(Image.fromarray(pixels).convert("L")).astype(np.int64)
    height, width = grey.shape
    padded = np.pad(grey, 1)
    window = sum(padded[down : down + height, right : right + width] for down in range(3) for right in range(3))
    # The sum of eight neighbours is at most 2040.
    _, counts = np.unique(grey * 2041 + (window - grey), return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
