"""The rules that train the embedded models, with a few steps in place of thousands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import studies

TRAINED = ["demo-sd3", "demo-vq"]


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
        for name in TRAINED
    }
    (root / "demo/training.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "train_demo_models",
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
