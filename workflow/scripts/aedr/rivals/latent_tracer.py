"""LatentTracer: how well an image can be reproduced by any latent, sought from the encoder's own."""

from collections.abc import Sequence

import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.reconstruction.losses import LossPair
from aedr.rivals.descent import smallest_losses

HALVE_EVERY = 50


def measure(
    autoencoder: Autoencoder, images: torch.Tensor, seeds: Sequence[int], steps: int, learning_rate: float
) -> list[LossPair]:
    """Return the smallest mean squared error of each image on the way from its own latent, never above its start's.

    Wang et al., ICML 2024, and github.com/ZhentingWang/LatentTracer: the posterior's mean, Adam with the learning rate
    0.05, 100 steps, the best of their losses. The code halves the rate after the first and every 50th further step,
    which its README does not say. With quantised autoencoders it starts from the nearest codes and moves freely from
    there, decoding without quantising. It starts so with Kandinsky's too; ours starts from what the autoencoder's
    pipeline decodes, which for Kandinsky is the latent itself. It resizes images to the model's size; ours does not.
    """
    with torch.no_grad():
        start = autoencoder.encode(images)
        if autoencoder.has_codebook and autoencoder.quantise:
            start = autoencoder.nearest_codes(start)
    losses = smallest_losses(autoencoder, images, start, steps, learning_rate, range(1, steps, HALVE_EVERY))
    return [(loss, None) for loss in losses.tolist()]
