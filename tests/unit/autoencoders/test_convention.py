"""Any autoencoder is used as its own pipeline uses it, whatever axes, channels, range and noise its network has."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import tiny_autoencoders
from aedr.autoencoders.loading import as_autoencoder, load_autoencoder
from aedr.errors import UserError

DEMO = Path(__file__).parents[3] / "demo"
CPU = torch.device("cpu")
FACTORS = dict.fromkeys(tiny_autoencoders.ALL, 2) | {"dc": 4, "paella": 4}
FRAMES = {"qwen", "qwen21", "wan", "hunyuan_refiner"}


def pictures(count: int = 2, side: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.rand((count, 3, side, side), generator=generator) * 2 - 1


def as_its_pipeline_does(kind: str, network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Encode and decode as the class's pipeline does; written down by class, unlike the adapter."""
    if kind == "qwen21":
        images = torch.cat([images, torch.ones_like(images[:, :1])], dim=1)
    encoded = network.encode(images.unsqueeze(2) if kind in FRAMES else images)
    if kind in ("tiny", "vq", "movq", "paella"):
        latents = encoded.latents
    else:
        latents = encoded.latent if kind == "dc" else encoded.latent_dist.mode()
    options = {"movq": {"force_not_quantize": True}}.get(kind, {})
    if kind == "consistency":
        options = {"generator": [torch.Generator().manual_seed(seed) for seed in (7, 8)]}
    decoded = network.decode(latents, **options).sample
    return (decoded[:, :, 0] if kind in FRAMES else decoded)[:, :3]


@pytest.mark.parametrize("kind", tiny_autoencoders.ALL)
def test_every_class_of_a_text_to_image_pipeline_is_used_as_its_pipeline_uses_it(kind, tmp_path) -> None:
    with tiny_autoencoders.seeded(0):
        network = tiny_autoencoders.ALL[kind]().eval()
    network.save_pretrained(tmp_path)
    autoencoder = load_autoencoder(tmp_path, "float32", CPU)
    assert autoencoder.factor == FACTORS[kind]
    with torch.inference_mode():
        found = autoencoder.reconstruct(pictures(), "mode", [7, 8])
        assert torch.equal(found, as_its_pipeline_does(kind, network, pictures()))


class InPositive(torch.nn.Module):
    """A network for pixels in [0, 1] instead of [-1, 1]."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner, self.device, self.dtype = inner, inner.device, inner.dtype

    def encode(self, pixels: torch.Tensor) -> object:
        return self.inner.encode(pixels * 2 - 1)

    def decode(self, latents: torch.Tensor) -> object:
        return SimpleNamespace(sample=self.inner.decode(latents).sample / 2 + 0.5)


@pytest.mark.parametrize("model", ["demo-sd", "demo-sd3", "demo-tiny", "demo-vq", "demo-xl"])
def test_the_range_of_pixels_is_found(model) -> None:
    autoencoder = load_autoencoder(DEMO / "models" / model, "float32", CPU)
    assert autoencoder.convention.black == -1
    positive = as_autoencoder(InPositive(autoencoder.network), autoencoder.quantise)
    assert positive.convention.black == 0
    with torch.inference_mode():
        expected = autoencoder.reconstruct(pictures(), "mode", ())
        torch.testing.assert_close(positive.reconstruct(pictures(), "mode", ()), expected, atol=1e-5, rtol=0)


def test_a_decoder_that_draws_noise_repeats_itself_for_each_image() -> None:
    with tiny_autoencoders.seeded(0):
        autoencoder = as_autoencoder(tiny_autoencoders.tiny_consistency_decoder().eval(), True)
    with torch.inference_mode():
        both = autoencoder.reconstruct(pictures(), "mode", [7, 8])
        assert torch.equal(autoencoder.reconstruct(pictures(), "mode", [7, 8]), both)
        alone = autoencoder.reconstruct(pictures()[1:], "mode", [8])
        torch.testing.assert_close(alone, both[1:], atol=1e-5, rtol=1e-5)
        assert (autoencoder.reconstruct(pictures()[1:], "mode", [9]) - alone).abs().mean() > 0.01
        # Without seeds, as in the search for the grid.
        first, second = (autoencoder.reconstruct(pictures(), "mode", ()) for _ in range(2))
        assert torch.equal(first, second)


def test_noise_that_cannot_be_seeded_is_refused() -> None:
    class Noisy(InPositive):
        def decode(self, latents: torch.Tensor) -> object:
            sample = super().decode(latents).sample
            return SimpleNamespace(sample=sample + 0.1 * torch.randn_like(sample))

    with pytest.raises(UserError, match="Noisy decodes the same latents to different pixels.*cannot be seeded"):
        as_autoencoder(Noisy(tiny_autoencoders.tiny_autoencoder_kl().eval()), False)


@pytest.mark.parametrize("factor", [32, 64, 128])
def test_large_factors_are_measured(factor) -> None:
    network = tiny_autoencoders.tiny_dc(stages=factor.bit_length()).eval()
    assert as_autoencoder(network, False).factor == factor


def test_an_autoencoder_of_one_size_is_refused_with_what_was_tried(tmp_path) -> None:
    tiny_autoencoders.tiny_rae().save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"(?s)RAE.*own size.*128x64, 3 channels: it returns 32x32 pixels") as refusal:
        load_autoencoder(tmp_path, "float32", CPU)
    assert str(tmp_path) in str(refusal.value) and "Copy the model" not in str(refusal.value)


def test_gradients_pass_through_the_decoder() -> None:
    """The rivals descend in the latents."""
    network = tiny_autoencoders.tiny_qwen_image_21().eval().requires_grad_(False)
    autoencoder = dataclasses.replace(as_autoencoder(network, True), quantise=False)
    latents = autoencoder.encode(pictures()).requires_grad_()
    autoencoder.decode(latents).square().sum().backward()
    assert latents.grad.abs().max() > 0
