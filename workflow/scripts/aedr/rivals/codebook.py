"""The distance to the codebook: how far a quantised autoencoder's latents of an image are from its codes."""

from collections.abc import Sequence

import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.reconstruction.losses import LossPair


def measure(autoencoder: Autoencoder, images: torch.Tensor, seeds: Sequence[int]) -> list[LossPair]:
    """Return each image's mean squared distance between latents and nearest codes, and that of its reconstruction.

    An image that was decoded from codes is encoded near them. We know of no published method that uses this for images
    of latent diffusion models. The ratio of the two losses is AEDR's, but computed on latents.
    """
    with torch.inference_mode():
        latents = autoencoder.encode(images)
        first = _distances(autoencoder, latents)
        second = _distances(autoencoder, autoencoder.encode(autoencoder.decode(latents)))
        return list(zip(first.tolist(), second.tolist(), strict=True))


def _distances(autoencoder: Autoencoder, latents: torch.Tensor) -> torch.Tensor:
    return (latents - autoencoder.nearest_codes(latents)).double().square().mean((1, 2, 3))
