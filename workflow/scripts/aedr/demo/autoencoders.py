"""Training of the demo models' autoencoders.

An autoencoder can be told from others only if it reproduces the pictures that its decoder makes. Large autoencoders do
so by themselves. A small one needs an extra loss: latents of real pictures are mixed, noised, decoded and rounded to
8 bits. Then the autoencoder must reproduce this picture and these latents.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy
import torch
from torch.nn import functional

from aedr.autoencoders.loading import Autoencoder, as_autoencoder
from aedr.demo.training import Average, learning_rate_at
from aedr.jobs import progress
from aedr.reconstruction.pixels import round_to_8_bits

Tensor = torch.Tensor
# Below this mean squared error, two pictures are the same after rounding to 8 bits.
ROUNDING = 5e-6


def build_autoencoder(architecture: Mapping[str, Any]) -> Autoencoder:
    """Return a new autoencoder; `architecture` has a diffusers `class` and its `config`."""
    import diffusers

    return as_autoencoder(getattr(diffusers, architecture["class"])(**architecture["config"]), quantise=True)


def picture_loss(made: Tensor, wanted: Tensor, settings: Mapping[str, Any]) -> Tensor:
    """Return the weighted sum of the mean absolute errors of pixels, of neighbours' differences and of 8x8 means."""
    difference = made - wanted
    edges = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
    means = functional.avg_pool2d(difference, 8).abs().mean()
    return difference.abs().mean() + settings["edge"] * edges + settings["means"] * means


def disturb_latents(latents: Tensor, settings: Mapping[str, Any], generator: torch.Generator) -> Tensor:
    """Return latents as a diffusion model might make them: some mixed from two pictures, all with noise."""
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
    autoencoder: Autoencoder, pictures: Tensor, consistency: Mapping[str, Any], generator: torch.Generator
) -> Tensor:
    """Return disturbed latents of pictures (n, 3, height, width); for a VQModel, the nearest codes."""
    latents = disturb_latents(autoencoder.encode(pictures), consistency, generator)
    return autoencoder.nearest_codes(latents) if autoencoder.has_codebook else latents


def reproduction_loss(autoencoder: Autoencoder, latents: Tensor, settings: Mapping[str, Any]) -> Tensor:
    """Return how far the autoencoder is from reproducing its decodings of `latents`, rounded to 8 bits.

    The logarithm of each picture's mean squared error counts too. It asks for the same relative improvement of every
    picture, so that few own pictures have a high loss ratio.
    """
    consistency = settings["consistency"]
    with torch.no_grad():
        own = round_to_8_bits(autoencoder.decode(latents))
    latents_again = autoencoder.encode(own)
    made = autoencoder.decode(latents_again)
    errors = (made - own).square().mean(dim=(1, 2, 3))
    spread = latents.var(dim=(0, 2, 3), keepdim=True) + 1e-6
    return (
        consistency["weight"] * picture_loss(made, own, settings)
        + consistency["log_weight"] * (errors + ROUNDING).log().mean()
        + consistency["latent_weight"] * ((latents_again - latents).square() / spread).mean()
    )


def reconstruction_loss(
    autoencoder: Autoencoder, pictures: Tensor, settings: Mapping[str, Any], generator: torch.Generator
) -> Tensor:
    """Return the loss of reconstructing photographs (n, 3, height, width), with the regularisation of the latents."""
    encoded = autoencoder.network.encode(pictures)
    if hasattr(encoded, "latent_dist"):
        posterior = encoded.latent_dist
        made = autoencoder.decode(posterior.sample(generator))
        return picture_loss(made, pictures, settings) + settings["divergence"] * posterior.kl().mean()
    decoded = autoencoder.network.decode(encoded.latents)
    loss = picture_loss(decoded.sample, pictures, settings)
    if autoencoder.has_codebook:
        loss = loss + decoded.commit_loss.mean()
    return loss


class Codebook:
    """Keeps every code of a VQModel in use: codes that were not chosen for a while are moved onto encoded pictures."""

    def __init__(self, autoencoder: Autoencoder, generator: torch.Generator) -> None:
        self.autoencoder, self.generator = autoencoder, generator
        self.chosen = torch.zeros(autoencoder.network.quantize.n_e)

    @torch.no_grad()
    def count(self, pictures: Tensor) -> None:
        """Count the codes that the pictures (n, 3, height, width) choose."""
        indices = self.autoencoder.network.quantize(self.autoencoder.encode(pictures))[2][2]
        self.chosen += torch.bincount(indices.flatten(), minlength=len(self.chosen))

    @torch.no_grad()
    def revive(self, pictures: Tensor) -> None:
        """Move the codes that were not chosen since the last call onto latents of the pictures; restart the count."""
        unused = (self.chosen == 0).nonzero().flatten()
        vectors = self.autoencoder.encode(pictures).movedim(1, -1).flatten(0, -2)
        picked = torch.randperm(len(vectors), generator=self.generator)[: len(unused)]
        self.autoencoder.network.quantize.embedding.weight[unused[: len(picked)]] = vectors[picked]
        self.chosen.zero_()


def train_autoencoder(
    autoencoder: Autoencoder,
    draw: Callable[[int], numpy.ndarray],
    settings: Mapping[str, Any],
    generator: torch.Generator,
) -> Autoencoder:
    """Train the autoencoder and return its running average.

    draw: returns the given number of pictures, float32 (n, 3, size, size) in [-1, 1]; settings: the `autoencoder`
    section of demo/training.yaml.
    """
    network = autoencoder.network
    network.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings["learning_rate"], betas=(0.9, 0.98), weight_decay=1e-4
    )
    average = Average(network, settings["average"])
    codebook = Codebook(autoencoder, generator) if autoencoder.has_codebook else None
    consistency = settings["consistency"]
    losses: list[float] = []
    for step in progress(range(settings["steps"]), settings["steps"], "training steps"):
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
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.update(network)
        if codebook and step < settings["steps"] * 2 // 3:
            codebook.count(pictures)
            if step in (20, 50) or step % 100 == 99:
                codebook.revive(torch.from_numpy(draw(8)))
        losses.append(float(loss.detach()))
        if step % 200 == 199:
            own_loss, photographs_loss = numpy.mean(losses[-200::2]), numpy.mean(losses[-199::2])
            print(f"step {step + 1}: photographs {photographs_loss:.4f}, own pictures {own_loss:.4f}", flush=True)
    return dataclasses.replace(autoencoder, network=average.module)


@torch.no_grad()
def set_scaling(autoencoder: Autoencoder, pictures: Tensor, shifts: bool) -> tuple[float, float]:
    """Write the scaling factor into an autoencoder's configuration and, if it `shifts`, the shift factor.

    They follow from the mean and the standard deviation of the latents of pictures (n, 3, height, width), which are
    returned.
    """
    latents = autoencoder.encode(pictures)
    mean, deviation = float(latents.mean()), float(latents.std())
    factors = {"scaling_factor": round(1 / deviation, 6)}
    if shifts:
        factors["shift_factor"] = round(mean, 6)
    autoencoder.network.register_to_config(**factors)
    return mean, deviation


@torch.no_grad()
def measure_psnr(autoencoder: Autoencoder, pictures: Tensor) -> float:
    """Return the mean peak signal-to-noise ratio in dB of reconstructing pictures (n, 3, height, width)."""
    made = autoencoder.reconstruct(pictures, "mode", ()).clamp(-1, 1)
    errors = (made - pictures).square().mean(dim=(1, 2, 3)) / 4
    return float((-10 / math.log(10) * errors.log()).mean())
