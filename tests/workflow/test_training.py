"""The rules that train the embedded models, with a few steps in place of thousands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

import studies

TRAINED = ["demo-sd3", "demo-vq"]
# One from random weights, one with a LoRA merged into the base's.
MEMBERS = ["demo-sd-reseeded", "demo-sd-lora"]


@pytest.fixture(scope="module")
def training(tmp_path_factory) -> Path:
    """A copy of the workflow in which two models were trained for a moment."""
    root = studies.copy_workflow(tmp_path_factory.mktemp("training"))
    settings = yaml.safe_load((root / "demo/training.yaml").read_text())
    settings["autoencoder"]["consistency"]["from_step"] = 1
    settings["autoencoder"]["steps"] = settings["diffusion"]["steps"] = 4
    settings["diffusion"]["latents"] = 16
    settings["models"] = {
        name: {key: value for key, value in settings["models"][name].items() if not key.endswith("_training")}
        for name in [*TRAINED, "demo-sd"]
    }
    for member in settings["members"].values():
        member["training"] = {"steps": 4}
    (root / "demo/training.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        *(f"results/demo-training/models/{model}" for model in TRAINED),
        *(f"results/demo-training/members/{member}" for member in MEMBERS),
        "--cores",
        "2",
        "--configfile",
        "config/demo.yaml",
    ]
    run = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout
    return root


@pytest.mark.parametrize("model", TRAINED)
def test_the_rules_make_models_like_those_in_git(training, model) -> None:
    made, kept = training / "results/demo-training/models" / model, studies.ROOT / "demo/models" / model
    assert sorted(path.relative_to(made) for path in made.rglob("*.json")) == sorted(
        path.relative_to(kept) for path in kept.rglob("*.json")
    )
    for file in made.rglob("config.json"):
        ours, theirs = (json.loads((folder / file.relative_to(made)).read_text()) for folder in (made, kept))
        # What training measures, and what says how the weights were saved.
        for settings in (ours, theirs):
            for key in ("scaling_factor", "shift_factor", "dtype", "torch_dtype", "_name_or_path"):
                settings.pop(key, None)
        assert ours == theirs, file


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_has_the_autoencoder_of_its_base_and_a_denoiser_of_its_own(training, member) -> None:
    made, base = training / "results/demo-training/members" / member, studies.ROOT / "demo/models/demo-sd"

    def weights(folder: Path, part: str) -> dict[str, torch.Tensor]:
        (file,) = (folder / part).glob("*.safetensors")
        return load_file(file)

    for name, tensor in weights(base, "vae").items():
        assert torch.equal(weights(made, "vae")[name].half(), tensor)
    ours, theirs = weights(made, "unet"), weights(base, "unet")
    assert ours.keys() == theirs.keys() == weights(studies.ROOT / "demo/models" / member, "unet").keys()
    changed = {name for name, tensor in theirs.items() if not torch.equal(ours[name].half(), tensor)}
    if member == "demo-sd-lora":
        assert changed and all("attn" in name or "conv" in name or "proj" in name for name in changed)
    else:
        assert len(changed) > 0.8 * len(theirs)
