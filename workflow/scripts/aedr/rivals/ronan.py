"""RONAN in its latent form: how well an image can be reproduced from a random latent, for its complexity."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from aedr.autoencoders.loading import Autoencoder, normal_noise
from aedr.images.pictures import Pixels
from aedr.reconstruction.losses import LossPair
from aedr.reconstruction.pixels import to_pixels
from aedr.rivals.descent import smallest_losses


def measure(
    autoencoder: Autoencoder, images: torch.Tensor, seeds: Sequence[int], steps: int, learning_rate: float
) -> list[LossPair]:
    """Return the smallest mean squared error of each image on the way from normal noise, over its 2-D entropy.

    Wang et al., NeurIPS 2023, and github.com/ZhentingWang/RONAN: Adam, the best loss; its README runs 1500 steps at a
    rate of 0.1, for small models, and gives no command for latent diffusion. The code prints loss and complexity beside
    each other. We read the paper's calibration as the loss over the complexity, times a constant, left out here since
    no decision at a fitted threshold depends on it. An image without complexity, black all over, has no loss.
    """
    with torch.no_grad():
        latents = autoencoder.encode(images)
    start = normal_noise(latents, seeds) / autoencoder.scaling_factor
    losses = smallest_losses(autoencoder, images, start, steps, learning_rate).cpu().numpy()
    entropies = np.array([entropy_2d(pixels) for pixels in to_pixels(images)])
    return [
        (float(loss / entropy) if entropy else np.nan, None) for loss, entropy in zip(losses, entropies, strict=True)
    ]


def entropy_2d(pixels: Pixels) -> float:
    """Return the 2-D entropy of an image in bits: of the pairs of a pixel's grey level and its eight neighbours' sum.

    As RONAN's `complexity.py`: zeros lie around the image, and the mean of the neighbours is not rounded. The code
    divides counts by the size with that border, so that its probabilities add up to less than one; ours add up to one.
    """
    grey: npt.NDArray[np.int64] = np.asarray(Image.fromarray(pixels).convert("L")).astype(np.int64)
    height, width = grey.shape
    padded = np.pad(grey, 1)
    window = sum(padded[down : down + height, right : right + width] for down in range(3) for right in range(3))
    # Eight neighbours sum up to 2040 at most.
    _, counts = np.unique(grey * 2041 + (window - grey), return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
