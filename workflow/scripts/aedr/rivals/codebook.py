"""The distance to the codebook: how far a quantised autoencoder's latents of an image are from its codes."""

from collections.abc import Sequence

import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.reconstruction.losses import LossPair


def measure(autoencoder: Autoencoder, images: torch.Tensor, seeds: Sequence[int]) -> list[LossPair]:
    """Return the mean squared distance of each image's latents to their nearest codes, and of its reconstruction's.

    An image that was decoded from codes is encoded near them. No published method is known to us that uses this for
    latent diffusion models' images; the ratio of both losses is AEDR's, taken in the latents.
    """
    with torch.inference_mode():
        latents = autoencoder.encode(images)
        first = _distances(autoencoder, latents)
        second = _distances(autoencoder, autoencoder.encode(autoencoder.decode(latents)))
        return list(zip(first.tolist(), second.tolist(), strict=True))


def _distances(autoencoder: Autoencoder, latents: torch.Tensor) -> torch.Tensor:
    return (latents - autoencoder.nearest_codes(latents)).double().square().mean((1, 2, 3))
