"""The units in which a diffusion model has its latents, from the normalisation that its own pipeline undoes."""

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class LatentUnits:
    """A diffusion model's latents are (latents - mean) * scale; both may differ by channel and place."""

    mean: torch.Tensor | float = 0.0
    scale: torch.Tensor | float = 1.0


def latent_units(network: Any, latents: torch.Tensor) -> LatentUnits:
    """Return the units for latents of this shape: images, channels, a frame if the network has a time axis, sides.

    * FLUX.2 normalises patches of 2x2 latents by the running statistics of a batch norm, `bn`.
    * Qwen-Image and Wan have `latents_mean` and `latents_std` of each channel. A scaling factor beside them, as some
      variants of SDXL have, is multiplied.
    * Stable Cascade divides by `scale_factor`, all others multiply by `scaling_factor`. A `shift_factor` is left out,
      since it is small: in these units .09 for SD 3.5 (.0609 x 1.5305) and .04 for FLUX.1 (.1159 x .3611).
    * Quantised latents are codes, which have no scale.
    """
    config = network.config
    if hasattr(network, "quantize"):
        return LatentUnits()
    if hasattr(network, "bn"):
        deviation = torch.sqrt(network.bn.running_var + config.batch_norm_eps)
        return LatentUnits(_tiled(network.bn.running_mean, latents), 1 / _tiled(deviation, latents))
    factor = getattr(config, "scaling_factor", None) or 1 / getattr(config, "scale_factor", 1.0)
    statistics = [getattr(config, name, None) for name in ("latents_mean", "latents_std")]
    if None in statistics:
        return LatentUnits(scale=factor)
    shape = (1, -1, *[1] * (latents.ndim - 2))
    mean, deviation = (torch.tensor(values, device=latents.device).view(shape) for values in statistics)
    return LatentUnits(mean, factor / deviation)


def _tiled(statistics: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """Return statistics of the channels of 2x2 patches (channel, row, column) at each place of `latents`."""
    height, width = latents.shape[-2:]
    patch = statistics.float().view(1, -1, 2, 2)
    return patch.repeat(1, 1, -(-height // 2), -(-width // 2))[..., :height, :width]
