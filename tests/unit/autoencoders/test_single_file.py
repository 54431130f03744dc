"""An AutoencoderKL in a single file is the same as in diffusers' layout."""

import re
from pathlib import Path

import diffusers
import pytest
import torch
from safetensors.torch import save_file

import tiny_autoencoders
from aedr.autoencoders.fingerprints import fingerprint, used_tensors
from aedr.autoencoders.loading import as_autoencoder, load_autoencoder
from aedr.errors import UserError
from aedr.study.configuration import check_configuration, complete_configuration

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[3]


def network(latent_channels: int) -> diffusers.AutoencoderKL:
    """An AutoencoderKL with the 32 groups that are not written in a file; with 16 channels as FLUX.1 has."""
    with tiny_autoencoders.seeded(latent_channels):
        return diffusers.AutoencoderKL(
            block_out_channels=(32, 64),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=latent_channels,
            layers_per_block=2,
            use_quant_conv=latent_channels == 4,
            use_post_quant_conv=latent_channels == 4,
        ).eval()


def original_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights under the names of Stable Diffusion's own code, where attention is a convolution."""
    renamed = {}
    for name, tensor in weights.items():
        if "attentions" in name and name.endswith("weight") and "group_norm" not in name:
            tensor = tensor[:, :, None, None]
        name = re.sub(r"up_blocks\.(\d)", lambda found: f"up.{1 - int(found[1])}", name)
        name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
        for new, old in {
            "down_blocks": "down",
            "resnets": "block",
            "conv_shortcut": "nin_shortcut",
            "downsamplers.0": "downsample",
            "upsamplers.0": "upsample",
            "mid_block.attentions.0.group_norm": "mid.attn_1.norm",
            "mid_block.attentions.0": "mid.attn_1",
            "to_q": "q",
            "to_k": "k",
            "to_v": "v",
            "to_out.0": "proj_out",
            "conv_norm_out": "norm_out",
        }.items():
            name = name.replace(new, old)
        renamed[name] = tensor.contiguous()
    return renamed


@pytest.mark.parametrize("latent_channels", [4, 16])
@pytest.mark.parametrize("naming", ["original", "checkpoint", "diffusers"])
def test_a_single_file_is_the_same_autoencoder(latent_channels, naming, tmp_path) -> None:
    made = network(latent_channels)
    weights = made.state_dict()
    if naming != "diffusers":
        weights = original_names(weights)
        assert "encoder.down.0.block.1.conv2.weight" in weights and "decoder.mid.attn_1.q.weight" in weights
    if naming == "checkpoint":
        weights = {f"first_stage_model.{name}": tensor for name, tensor in weights.items()}
        weights["model.diffusion_model.input_blocks.0.0.weight"] = torch.ones(2)
    save_file(weights, tmp_path / "vae.safetensors")
    loaded = load_autoencoder(tmp_path / "vae.safetensors", "float32", CPU)
    expected = as_autoencoder(made, True)
    assert [fingerprint(part) for part in used_tensors(loaded)] == [
        fingerprint(part) for part in used_tensors(expected)
    ]
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        assert torch.equal(loaded.reconstruct(images, "mode", ()), expected.reconstruct(images, "mode", ()))


def test_files_without_a_whole_autoencoder_are_refused(tmp_path) -> None:
    file = tmp_path / "vae.safetensors"
    weights = original_names(network(4).state_dict())
    del weights["decoder.up.1.block.0.conv2.bias"]
    for content in (weights, {"model.diffusion_model.x": torch.ones(2)}):
        save_file(content, file)
        with pytest.raises(UserError, match=r"vae\.safetensors cannot be loaded"):
            load_autoencoder(file, "float32", CPU)
    file.write_bytes(b"not a safetensors file")
    with pytest.raises(UserError, match=r"vae\.safetensors cannot be loaded"):
        load_autoencoder(file, "float32", CPU)


def test_the_configuration_takes_a_file_for_an_autoencoder_and_not_for_a_pipeline(tmp_path) -> None:
    file = tmp_path / "vae.safetensors"
    (tmp_path / "pictures").mkdir()

    def check(model: dict) -> None:
        config = {
            "models": {"m": model | {"path": str(file)}},
            "image_sets": {"real": {"folder": str(tmp_path / "pictures")}},
        }
        check_configuration(complete_configuration(config, ROOT / "workflow/schemas/config.schema.yaml"))

    with pytest.raises(UserError, match=r"models\.m\.path: the file .* does not exist"):
        check({"decode": "real"})
    file.touch()
    check({"decode": "real"})
    with pytest.raises(UserError, match=r"models\.m\.path: a pipeline needs a folder"):
        check({"pipeline": "StableDiffusionPipeline"})
