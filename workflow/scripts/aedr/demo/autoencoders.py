"""Training of the demo models' autoencoders.

An autoencoder can be told from others only where it reproduces its own decoder's pictures, as large autoencoders do by
themselves. A small one learns it from a loss of its own: latents of real pictures are mixed and noised, decoded and
rounded to 8 bits, and the autoencoder is asked for that picture and those latents again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy
import torch
from torch.nn import functional

from aedr.demo.training import Average, learning_rate_at

Tensor = torch.Tensor
# Below this mean squared error two pictures are the same after rounding to 8 bits.
ROUNDING = 5e-6


def build_autoencoder(architecture: Mapping[str, Any]) -> Any:
    """Return a new autoencoder: `architecture` has a diffusers `class` and its `config`."""
    import diffusers

    return getattr(diffusers, architecture["class"])(**architecture["config"])


def encode(autoencoder: Any, pictures: Tensor) -> Tensor:
    """Return the latents (the posterior's mode; not quantised yet) of pictures (n, 3, height, width) in [-1, 1]."""
    encoded = autoencoder.encode(pictures)
    return encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents


def decode(autoencoder: Any, latents: Tensor) -> Tensor:
    """Return the pictures (n, 3, height, width), about [-1, 1] and not clamped; a VQModel quantises its latents."""
    return autoencoder.decode(latents).sample


def to_8_bits(pictures: Tensor) -> Tensor:
    """Return pictures in [-1, 1] as a PNG file would keep them."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def picture_loss(made: Tensor, wanted: Tensor, settings: Mapping[str, Any]) -> Tensor:
    """Return the mean absolute error of pixels, of neighbours' differences and of the means of 8x8 pixels, weighted."""
    difference = made - wanted
    edges = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
    means = functional.avg_pool2d(difference, 8).abs().mean()
    return difference.abs().mean() + settings["edge"] * edges + settings["means"] * means


def disturb_latents(latents: Tensor, settings: Mapping[str, Any], generator: torch.Generator) -> Tensor:
    """Return latents as a diffusion model might make them: pieces of two pictures, blended ones, and noised ones."""
    count, _, height, width = latents.shape
    others = latents.roll(1, 0)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    patches = functional.interpolate(uniform(count, 1, 4, 4), size=(height, width), mode="nearest")
    pieces = torch.where(patches < uniform(count, 1, 1, 1), others, latents)
    share = 0.5 * uniform(count, 1, 1, 1)
    blended = latents + share * (others - latents)
    mixed = torch.where(uniform(count, 1, 1, 1) < 0.5, pieces, blended)
    mixed = torch.where(uniform(count, 1, 1, 1) < settings["mixed"], mixed, latents)
    spread = latents.std(dim=(0, 2, 3), keepdim=True)
    strength = settings["noise"] * uniform(count, 1, 1, 1) ** 2
    return mixed + strength * spread * torch.randn(latents.shape, generator=generator)


@torch.no_grad()
def own_latents(
    autoencoder: Any, pictures: Tensor, consistency: Mapping[str, Any], generator: torch.Generator
) -> Tensor:
    """Return disturbed latents of pictures (n, 3, height, width); those of a VQModel are codes."""
    latents = disturb_latents(encode(autoencoder, pictures), consistency, generator)
    return autoencoder.quantize(latents)[0] if hasattr(autoencoder, "quantize") else latents


def reproduction_loss(autoencoder: Any, latents: Tensor, settings: Mapping[str, Any]) -> Tensor:
    """Return how far the autoencoder is from reproducing what its decoder makes of latents, rounded to 8 bits.

    The logarithm of each picture's mean squared error counts too: it asks for the same relative improvement of every
    picture, which keeps the tail of the loss ratio of own pictures thin.
    """
    consistency = settings["consistency"]
    with torch.no_grad():
        own = to_8_bits(decode(autoencoder, latents))
    latents_again = encode(autoencoder, own)
    made = decode(autoencoder, latents_again)
    errors = (made - own).square().mean(dim=(1, 2, 3))
    spread = latents.var(dim=(0, 2, 3), keepdim=True) + 1e-6
    return (
        consistency["weight"] * picture_loss(made, own, settings)
        + consistency["log_weight"] * (errors + ROUNDING).log().mean()
        + consistency["latent_weight"] * ((latents_again - latents).square() / spread).mean()
    )


def reconstruction_loss(
    autoencoder: Any, pictures: Tensor, settings: Mapping[str, Any], generator: torch.Generator
) -> Tensor:
    """Return the loss of reconstructing photographs (n, 3, height, width), with the latents' own regularisation."""
    encoded = autoencoder.encode(pictures)
    if hasattr(encoded, "latent_dist"):
        posterior = encoded.latent_dist
        made = decode(autoencoder, posterior.sample(generator))
        return picture_loss(made, pictures, settings) + settings["divergence"] * posterior.kl().mean()
    decoded = autoencoder.decode(encoded.latents)
    loss = picture_loss(decoded.sample, pictures, settings)
    if hasattr(autoencoder, "quantize"):
        loss = loss + decoded.commit_loss.mean()
    return loss


class Codebook:
    """Keeps every code of a VQModel in use: codes that nothing chose for a while are moved onto encoded pictures."""

    def __init__(self, autoencoder: Any, generator: torch.Generator) -> None:
        self.autoencoder, self.generator = autoencoder, generator
        self.chosen = torch.zeros(autoencoder.quantize.n_e)

    @torch.no_grad()
    def count(self, pictures: Tensor) -> None:
        """Count the codes that the pictures (n, 3, height, width) choose."""
        indices = self.autoencoder.quantize(encode(self.autoencoder, pictures))[2][2]
        self.chosen += torch.bincount(indices.flatten(), minlength=len(self.chosen))

    @torch.no_grad()
    def revive(self, pictures: Tensor) -> None:
        """Move the codes that were not chosen since the last call onto latents of the pictures, and count anew."""
        unused = (self.chosen == 0).nonzero().flatten()
        vectors = encode(self.autoencoder, pictures).movedim(1, -1).flatten(0, -2)
        picked = torch.randperm(len(vectors), generator=self.generator)[: len(unused)]
        self.autoencoder.quantize.embedding.weight[unused[: len(picked)]] = vectors[picked]
        self.chosen.zero_()


def train_autoencoder(
    autoencoder: Any,
    draw: Callable[[int], numpy.ndarray],
    settings: Mapping[str, Any],
    generator: torch.Generator,
    report: Callable[[int, float], None],
) -> Any:
    """Train and return the averaged autoencoder.

    draw: returns that many pictures, float32 (n, 3, size, size) in [-1, 1]; settings: the `autoencoder` section of
    demo/training.yaml; report: called with the step and its loss.
    """
    autoencoder.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        autoencoder.parameters(), lr=settings["learning_rate"], betas=(0.9, 0.98), weight_decay=1e-4
    )
    average = Average(autoencoder, settings["average"])
    codebook = Codebook(autoencoder, generator) if hasattr(autoencoder, "quantize") else None
    consistency = settings["consistency"]
    for step in range(settings["steps"]):
        share = learning_rate_at(step, settings["steps"], settings["warm_up"])
        for group in optimiser.param_groups:
            group["lr"] = settings["learning_rate"] * share
        pictures = torch.from_numpy(draw(settings["batch"])).contiguous(memory_format=torch.channels_last)
        own = step >= consistency["from_step"] and step % consistency["every"] == 0
        if own:
            loss = reproduction_loss(autoencoder, own_latents(autoencoder, pictures, consistency, generator), settings)
        else:
            loss = reconstruction_loss(autoencoder, pictures, settings, generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(autoencoder.parameters(), 1.0)
        optimiser.step()
        average.update(autoencoder)
        if codebook and step < settings["steps"] * 2 // 3:
            codebook.count(pictures)
            if step in (20, 50) or step % 100 == 99:
                codebook.revive(torch.from_numpy(draw(8)))
        report(step, float(loss.detach()))
    return average.module


@torch.no_grad()
def latent_statistics(autoencoder: Any, pictures: Tensor) -> tuple[float, float]:
    """Return the mean and the standard deviation of the latents of pictures (n, 3, height, width)."""
    latents = encode(autoencoder, pictures)
    return float(latents.mean()), float(latents.std())


@torch.no_grad()
def measure_psnr(autoencoder: Any, pictures: Tensor) -> float:
    """Return the mean peak signal-to-noise ratio in dB of reconstructing pictures (n, 3, height, width)."""
    made = decode(autoencoder, encode(autoencoder, pictures)).clamp(-1, 1)
    errors = (made - pictures).square().mean(dim=(1, 2, 3)) / 4
    return float((-10 / math.log(10) * errors.log()).mean())
