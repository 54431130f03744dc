"""Rivals that descend in latents do so in the units of the diffusion model, as each pipeline has them."""

import dataclasses

import diffusers
import pytest
import torch

import tiny_autoencoders
from aedr.autoencoders.latent_units import latent_units
from aedr.autoencoders.loading import as_autoencoder, normal_noise
from aedr.reconstruction.losses import l2
from aedr.reconstruction.pixels import to_pixels
from aedr.rivals import ronan

MEAN = torch.tensor(tiny_autoencoders.LATENTS_MEAN).view(1, 4, 1, 1, 1)
STD = torch.tensor(tiny_autoencoders.LATENTS_STD).view(1, 4, 1, 1, 1)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_flux_2_has_the_statistics_of_patches() -> None:
    """By the pipeline's own patches; its normalisation is repeated here."""
    with tiny_autoencoders.seeded(0):
        network = tiny_autoencoders.tiny_flux_2()
    of_model = noise(1, 16, 3, 5)
    mean, variance = (each.view(1, -1, 1, 1) for each in (network.bn.running_mean, network.bn.running_var))
    unpatchify = diffusers.Flux2Pipeline._unpatchify_latents
    latents = unpatchify(of_model * torch.sqrt(variance + network.config.batch_norm_eps) + mean)
    units = latent_units(network, latents)
    torch.testing.assert_close((latents - units.mean) * units.scale, unpatchify(of_model))
    # An odd number of latents a side.
    assert latent_units(network, latents[..., :5, :7]).scale.shape == (1, 4, 5, 7)


@pytest.mark.parametrize("kind", ["qwen", "qwen21", "wan"])
def test_video_autoencoders_have_the_statistics_of_channels(kind) -> None:
    of_model = noise(1, 4, 1, 3, 5)
    units = latent_units(tiny_autoencoders.ALL[kind](), of_model)
    torch.testing.assert_close((of_model * STD + MEAN - units.mean) * units.scale, of_model)


@pytest.mark.parametrize(
    "kind, scale", [("kl", 0.18215), ("hunyuan", 0.75289), ("tiny", 1.0), ("vq", 1.0), ("paella", 1 / 0.3764)]
)
def test_other_autoencoders_have_one_scale(kind, scale) -> None:
    units = latent_units(tiny_autoencoders.ALL[kind](), noise(1, 4, 3, 5))
    assert (units.mean, units.scale) == (0.0, pytest.approx(scale))


def test_ronan_starts_from_noise_in_the_models_units() -> None:
    with tiny_autoencoders.seeded(0):
        autoencoder = as_autoencoder(tiny_autoencoders.tiny_qwen_image().eval().requires_grad_(False), True)
    images = noise(2, 3, 32, 32).clamp(-1, 1)
    with torch.no_grad():
        start = normal_noise(autoencoder.encode(images), [5, 6]) * STD + MEAN
        decoded = dataclasses.replace(autoencoder, quantise=False).decode(start)
    expected = l2(decoded.clamp(-1, 1), images).tolist()
    entropies = [ronan.entropy_2d(pixels) for pixels in to_pixels(images)]
    found = [
        loss * entropy
        for (loss, _), entropy in zip(ronan.measure(autoencoder, images, [5, 6], 1, 0.1), entropies, strict=True)
    ]
    assert found == pytest.approx(expected, rel=1e-5)
