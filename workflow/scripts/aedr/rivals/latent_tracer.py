"""LatentTracer: how well any latent can reproduce an image, searched from the encoder's latent."""

from collections.abc import Sequence

import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.reconstruction.losses import LossPair
from aedr.rivals.descent import smallest_losses

HALVE_EVERY = 50


def measure(
    autoencoder: Autoencoder, images: torch.Tensor, seeds: Sequence[int], steps: int, learning_rate: float
) -> list[LossPair]:
    """Return each image's smallest mean squared error in a descent from its own latent, at most that of the start.

    Wang et al., ICML 2024, and github.com/ZhentingWang/LatentTracer: start from the posterior's mean, run Adam for 100
    steps with learning rate 0.05, and keep the smallest loss. Their code halves the rate after the first step and every
    50 steps from there, which its README does not say. With quantised autoencoders it starts from the nearest codes and
    moves freely from there, decoding without quantising. It does so for Kandinsky's too; ours starts from what the
    autoencoder's pipeline decodes, which for Kandinsky is the latent itself. Their code resizes images to the model's
    size, ours does not.
    """
    with torch.no_grad():
        start = autoencoder.encode(images)
        if autoencoder.has_codebook and autoencoder.quantise:
            start = autoencoder.nearest_codes(start)
    losses = smallest_losses(autoencoder, images, start, steps, learning_rate, range(1, steps, HALVE_EVERY))
    return [(loss, None) for loss in losses.tolist()]
