"""How an autoencoder's network takes pixels and gives them back, found by trying it and not by its class.

Pictures are pixels in [-1, 1], shape (images, 3, height, width). Some networks want a time axis, an alpha channel, or
pixels in [0, 1]; some decoders draw noise.
"""

import inspect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from aedr.autoencoders.photograph import explained_share, read_photograph
from aedr.errors import UserError

# The larger ones are for factors of 64 and 128.
SIZES = ((64, 128), (128, 256))
# Of the photograph's variance. The demo's autoencoders explain .81 to .97 (benchmarks/demo/try_conventions.py), those
# of every class with random weights less than nothing (tests/unit/autoencoders/test_reproduction.py).
REPRODUCED = 0.5
# An autoencoder of [-1, 1] reproduces the pale picture in [0, 1] nearly as well: with the demo's, the error in [-1,
# 1] is .1 to .8 of the other, so the better would be chosen by little. One of [0, 1] never saw what lies below zero;
# there its error is 6 to 20 times as large.
CLEARLY_WORSE = 4
# Mean difference of two decodings of the same latents, in [-1, 1], which a GPU's order of sums never reaches.
NOISE = 1e-3


@dataclass(frozen=True)
class Convention:
    """What a network's pixels look like.

    Attributes:
        has_frames: a time axis before the sides, of one frame.
        has_alpha: a fourth channel; pictures are opaque, and what it decodes to is ignored.
        black: the value of black, -1 or 0; white is 1.
        draws_noise: decoding draws noise, from generators that it is given.
    """

    has_frames: bool = False
    has_alpha: bool = False
    black: float = -1.0
    draws_noise: bool = False

    def to_network(self, images: torch.Tensor) -> torch.Tensor:
        """Return pictures as the network takes them."""
        pixels = images if self.black == -1 else (images + 1) / 2
        if self.has_alpha:
            pixels = torch.cat([pixels, torch.ones_like(pixels[:, :1])], dim=1)
        return pixels[:, :, None] if self.has_frames else pixels

    def from_network(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return what the network decoded as pictures, float32."""
        images = (pixels[:, :, 0] if self.has_frames else pixels)[:, :3].float()
        return images if self.black == -1 else images * 2 - 1


def encode(network: Any, pixels: torch.Tensor) -> Any:
    """Return the distribution of the network's latents, or the latents themselves if it has none."""
    encoded = network.encode(pixels.to(network.dtype))
    for name in ("latent_dist", "latents", "latent"):
        if hasattr(encoded, name):
            return getattr(encoded, name)
    raise TypeError(f"encode returns {type(encoded).__name__}, without latent_dist, latents or latent")


def most_likely(encoded: Any) -> torch.Tensor:
    """Return the latents that `encode` found most likely."""
    return encoded if isinstance(encoded, torch.Tensor) else encoded.mode()


def decode(network: Any, latents: torch.Tensor, quantise: bool, seeds: Sequence[int] | None = None) -> torch.Tensor:
    """Return what the network decodes latents to; `seeds` has one for each image, for a network that draws noise."""
    options: dict[str, Any] = {"force_not_quantize": not quantise} if hasattr(network, "quantize") else {}
    if seeds is not None:
        options["generator"] = [torch.Generator().manual_seed(seed) for seed in seeds]
    return network.decode(latents, **options).sample


def find_convention(network: Any, quantise: bool) -> tuple[Convention, int]:
    """Return how a network takes pixels, and how many pixels a side one of its latents stands for.

    Args:
        quantise: whether latents are replaced by their nearest codes before they are decoded.

    Raises:
        UserError: no way was found in which the network returns a picture at its own size, or its result is random and
            cannot be seeded.
    """
    refusals = []
    for (height, width), has_frames, has_alpha in itertools.product(SIZES, (False, True), (False, True)):
        photograph = read_photograph(height, width, network.device)
        shape = Convention(has_frames, has_alpha)
        ranges = [shape, replace(shape, black=0.0)]
        try:
            with torch.inference_mode():
                latents = most_likely(encode(network, torch.cat([each.to_network(photograph) for each in ranges])))
                decoded = decode(network, latents, quantise)
            factor = _factor(latents, decoded, photograph)
        except torch.OutOfMemoryError:
            raise
        # What a network raises about an unsuitable shape depends on its code.
        except Exception as error:
            way = f"{width}x{height}, {4 if has_alpha else 3} channels{', one frame' if has_frames else ''}"
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            refusals.append(f"{way}: {reason:.200}")
            continue
        draws_noise = _draws_noise(network, quantise, latents[:1], decoded[:1])
        if draws_noise:
            with torch.inference_mode():
                decoded = decode(network, latents, quantise, [0] * len(latents))
        shares = [
            explained_share(each.from_network(decoded[at : at + 1])[0], photograph[0]) for at, each in enumerate(ranges)
        ]
        return replace(ranges[_is_positive(*shares)], draws_noise=draws_noise), factor
    raise UserError(
        f"{type(network).__name__} is not used as this workflow knows how to: a picture must come back at its own "
        "size, whatever its size. Tried:\n  " + "\n  ".join(refusals)
    )


def _factor(latents: torch.Tensor, decoded: torch.Tensor, photograph: torch.Tensor) -> int:
    """Return how many pixels a side a latent stands for, if the shapes are those of a reconstruction."""
    height, width = photograph.shape[2:]
    if decoded.shape[-2:] != (height, width):
        raise ValueError(f"it returns {decoded.shape[-1]}x{decoded.shape[-2]} pixels")
    factor = width // latents.shape[-1]
    if latents.ndim < 4 or (factor * latents.shape[-2], factor * latents.shape[-1]) != (height, width):
        raise ValueError(f"its latents have the shape {tuple(latents.shape)}")
    return factor


def _is_positive(share_with_negatives: float, share_without: float) -> bool:
    """Return whether a network's pixels are in [0, 1], by what it explains of a photograph in [-1, 1] and in [0, 1]."""
    # An overflow in half precision says nothing about the range.
    return (
        share_without >= REPRODUCED
        and math.isfinite(share_with_negatives)
        and 1 - share_with_negatives > CLEARLY_WORSE * (1 - share_without)
    )


def _draws_noise(network: Any, quantise: bool, latents: torch.Tensor, decoded: torch.Tensor) -> bool:
    """Return whether decoding the same latents again gives other pixels; raise if the noise cannot be seeded."""
    with torch.inference_mode():
        if not _differ(decoded, decode(network, latents, quantise)):
            return False
        if "generator" in inspect.signature(network.decode).parameters:
            first, second = (decode(network, latents, quantise, [0] * len(latents)) for _ in range(2))
            if not _differ(first, second):
                return True
    raise UserError(
        f"{type(network).__name__} decodes the same latents to different pixels, and its noise cannot be seeded. No "
        "loss could be repeated, so leave this autoencoder out."
    )


def _differ(first: torch.Tensor, second: torch.Tensor) -> bool:
    return (first.float() - second.float()).abs().mean().item() > NOISE
