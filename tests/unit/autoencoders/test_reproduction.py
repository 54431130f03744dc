"""An autoencoder that reproduces nothing is refused before images are measured with it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_autoencoders
from aedr.autoencoders.loading import as_autoencoder, load_autoencoder
from aedr.autoencoders.reproduction import check_reproduction
from aedr.errors import UserError
from identify_autoencoder import identify_autoencoder

DEMO = Path(__file__).parents[3] / "demo"
CPU = torch.device("cpu")


@pytest.mark.parametrize("model", ["demo-sd", "demo-sd3", "demo-tiny", "demo-vq", "demo-xl"])
def test_trained_autoencoders_pass(model) -> None:
    check_reproduction(load_autoencoder(DEMO / "models" / model, "float32", CPU), "models.m.autoencoder")


@pytest.mark.parametrize("kind", tiny_autoencoders.ALL)
def test_random_weights_are_refused(kind) -> None:
    with tiny_autoencoders.seeded(0):
        autoencoder = as_autoencoder(tiny_autoencoders.ALL[kind]().eval(), kind != "movq")
    with pytest.raises(UserError, match=r"models\.m\.autoencoder: this .* does not reproduce .*: it explains 0%"):
        check_reproduction(autoencoder, "models.m.autoencoder")


def test_a_file_with_one_layer_of_another_model_is_refused_at_identification_unless_it_is_asked_for(tmp_path) -> None:
    source = DEMO / "models/demo-sd/vae"
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "diffusion_pytorch_model.safetensors")
    shuffled = weights["decoder.conv_in.weight"].flip(0, 1)
    save_file(
        weights | {"decoder.conv_in.weight": shuffled.contiguous()},
        tmp_path / "diffusion_pytorch_model.safetensors",
        metadata={"format": "pt"},
    )
    asked = {
        "name": "m",
        "loading": {"folder": str(tmp_path)},
        "manifest": str(tmp_path),
        "key": "models.m.autoencoder",
    }
    output = tmp_path / "t.parquet"
    with pytest.raises(UserError, match="must_reproduce"):
        identify_autoencoder(output=str(output), **asked)
    assert not output.exists()
    identify_autoencoder(output=str(output), must_reproduce=False, **asked)
    assert output.exists()
