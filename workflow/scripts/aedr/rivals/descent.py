"""Gradient descent towards the latents that best reproduce images, shared by LatentTracer and RONAN."""

import dataclasses
from collections.abc import Iterable

import torch

from aedr.autoencoders.latent_units import latent_units
from aedr.autoencoders.loading import Autoencoder
from aedr.reconstruction.losses import l2


def smallest_losses(
    autoencoder: Autoencoder,
    images: torch.Tensor,
    start: torch.Tensor,
    steps: int,
    learning_rate: float,
    halvings: Iterable[int] = (),
) -> torch.Tensor:
    """Return each image's smallest mean squared error of all steps, including `start`, shape (images,), float64.

    Adam moves the latents in the units of the diffusion model (`latent_units`; a shift would make no difference). They
    are decoded without quantising and the pixels are clamped to [-1, 1], as in LatentTracer's code. Each image's
    gradient is the same as without a batch, for pixels in [0, 1]. A mean over the batch would make it smaller, and Adam
    ignores the scale of gradients only if they are far above its epsilon.

    Args:
        images: pixels in [-1, 1], shape (images, 3, height, width), sides on the grid.
        start: latents, unscaled.
        steps: how many latents are tried, including `start`.
        halvings: the steps before which the learning rate is halved.
    """
    decoder = dataclasses.replace(autoencoder, quantise=False)
    scale = latent_units(autoencoder.network, start).scale
    latents = (start.float() * scale).requires_grad_()
    optimizer = torch.optim.Adam([latents], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(halvings), gamma=0.5)
    smallest = torch.full((len(images),), torch.inf, dtype=torch.float64, device=images.device)
    for step in range(steps):
        decoded = decoder.decode((latents / scale).to(autoencoder.network.dtype))
        losses = l2(decoded.clamp(-1, 1), images)
        smallest = torch.minimum(smallest, losses.detach())
        if step + 1 < steps:
            optimizer.zero_grad()
            (losses / 4).sum().backward()
            optimizer.step()
            schedule.step()
    return smallest
