"""The published study, rehearsed: its own configuration and repositories as they are published, with tiny weights.

From photographs to the accuracy matrix, with all eight models, their licences and the network of LPIPS.
"""

import hashlib
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
import yaml
from PIL import Image

import fake_hub
import published_repositories
import studies
import tiny_interrogators
import tiny_models
from phrases_and_pictures import FILES, write_vocabulary
from warm_python import warm_python

CONFIG = yaml.safe_load((studies.ROOT / "config/config.yaml").read_text())
MODELS = list(CONFIG["models"])
AUTOENCODERS = ["sd1", "sd2", "sdxl", "sd35", "flux", "kd21", "vqdm"]
GATED = ["stabilityai/stable-diffusion-3.5-large", "black-forest-labs/FLUX.1-dev"]


def publish(hub: fake_hub.Hub, folder: Path) -> None:
    """Hold tiny models under the names, and with the commits, of the published study."""
    for name in MODELS:
        tiny_models.TINY_MODELS[name](folder / name)
    published_repositories.share_autoencoders(folder)
    for name, entry in CONFIG["models"].items():
        published_repositories.PUBLISH[name](folder / name)
        if prior := entry.get("prior_repository"):
            hub.hold(prior, folder / name / "prior")
            shutil.rmtree(folder / name / "prior")
        hub.hold(entry["repository"], folder / name, entry.get("revision"))
    hub.gated.update(GATED)
    clip, captioner = CONFIG["prompts"]["clip"], CONFIG["prompts"]["captioner"]
    hub.hold(clip["repository"], tiny_interrogators.save_tiny_clip(folder / "clip"), clip["revision"])
    hub.hold(captioner["repository"], tiny_interrogators.save_tiny_captioner(folder / "captioner"))


def hold_alexnet(hub: fake_hub.Hub) -> str:
    """Hold torchvision's AlexNet, its classifier of one number each, as a file named after its hash."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = torchvision.models.alexnet(weights=None).state_dict()
    for name, tensor in weights.items():
        if name.startswith("classifier."):
            weights[name] = torch.zeros(1).expand(tensor.shape)
    file = io.BytesIO()
    torch.save(weights, file)
    name = f"alexnet-owt-{hashlib.sha256(file.getvalue()).hexdigest()[:8]}"
    hub.repositories["pytorch/models"] = {f"{name}.pth": file.getvalue()}
    return name


def workflow_with_another_alexnet(folder: Path, hub: fake_hub.Hub, name: str) -> Path:
    """Copy the workflow, and let it find AlexNet on the hub; its real address has the hash of the real file."""
    folder.mkdir()
    file = studies.copy_workflow(folder) / "workflow/functions/weights.smk"
    text = file.read_text()
    for old, new in {
        "https://download.pytorch.org/models": f"{hub.address}/pytorch/models/resolve/main",
        "alexnet-owt-7be5be79": name,
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    file.write_text(text)
    return folder


def make_small() -> dict:
    """Return the published configuration for few, tiny images on a CPU, and three of its metrics."""
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    for entry in config["models"].values():
        entry |= {"steps": 2} | ({"image_size": 32} if "image_size" in entry else {})
        if not isinstance(entry.get("autoencoder"), str):
            entry["autoencoder"] = entry.get("autoencoder", {}) | studies.UNTRAINED["autoencoder"]
    config["reconstruction"] |= {"metrics": ["l2", "lpips", "high_frequency"]}
    config["attribution"] |= studies.PIXEL_VERDICTS
    config["prompts"]["vocabulary"] = "vocabulary"
    return config | {"device": "cpu", "images_per_source": 16, "shard_size": 16}


def write_photographs(folder: Path) -> None:
    """Write 16 photographs: one of them is large, one transparent, one damaged."""
    studies.write_pictures(folder, usable=13)
    for name in {path.name for path in folder.iterdir()} - {f"größe {i} {{x}}.png" for i in range(13)}:
        if name != "truncated.png":
            (folder / name).unlink()
    large = np.kron(np.random.default_rng(0).integers(0, 256, (130, 10, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    Image.fromarray(large).save(folder / "large.jpg")
    Image.new("RGBA", (32, 32), (9, 9, 9, 99)).save(folder / "see through.png")


def test_the_published_study_runs_from_photographs_to_the_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tmp_path / "study"
    write_photographs(study / "data/real")
    write_vocabulary(study / "vocabulary", FILES)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with fake_hub.serve() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        publish(hub, tmp_path / "published")
        root = workflow_with_another_alexnet(tmp_path / "workflow", hub, alexnet := hold_alexnet(hub))
        with warm_python() as python:

            def run(token: str) -> subprocess.CompletedProcess[str]:
                monkeypatch.setenv("HF_TOKEN", token)
                return studies.run_snakemake(study, make_small(), "results/accuracy.csv", root=root, python=python)

            hub.members.add("hf_member")
            without_login, without_licence = run(""), run("hf_stranger")
            asked_for = list(hub.downloads)
            hub.answers["stabilityai/stable-diffusion-xl-base-1.0"] = [(503, {"Retry_After": "1"})] * 2
            made = run("hf_member")

    # Without licences nothing that is large is fetched.
    for repository in GATED:
        page = f"https://huggingface.co/{repository}"
        assert f"{repository} is gated: accept the licence at {page}" in without_login.stdout
        assert f"{repository} is gated, and the account of your token has no access" in without_licence.stdout
    assert not [name for name in asked_for if name.endswith((".safetensors", ".bin", ".pth"))]

    assert made.returncode == 0, made.stdout
    assert "real/see through.png is not used: transparent pixels" in made.stdout
    assert "real/truncated.png is not used: cannot be decoded" in made.stdout
    assert "real: of 1 of 16 images only the middle is used, since they are larger than crop_to (1024)" in made.stdout
    images = studies.results(study, "images", "results/images/*/*.parquet").set_index("image_id")
    assert images.loc["real/large.jpg", ["height", "width"]].tolist() == [1024, 80]
    missing = images[images["reason"].notna()]
    assert sorted(missing["source"]) == sorted([*MODELS, "real"] * 2)
    reasons = sorted(missing.loc[missing["source"] != "real", "reason"].unique())
    assert reasons[0] == (
        "no prompt: real/see through.png: transparent pixels: flatten the picture onto a background first"
    )
    assert reasons[1].startswith("no prompt: real/truncated.png: cannot be decoded") and len(reasons) == 2

    # SD 2-base and SD 2.1 share an autoencoder, and with SD 1.5 its encoder.
    families = pd.read_csv(study / "results/autoencoders.csv").set_index("autoencoder")
    assert families["family"].to_dict() == {name: name for name in AUTOENCODERS}
    assert families["shares_encoder_with"].dropna().to_dict() == {"sd1": "sd2", "sd2": "sd1"}
    cells = pd.read_csv(study / "results/accuracy.csv")
    assert set(cells["source"]) == {*MODELS, "real"} and set(cells["autoencoder"]) == set(AUTOENCODERS)
    own = cells[cells["belonging"]].groupby("autoencoder")["source"].agg(set).to_dict()
    assert own == {name: {name} for name in AUTOENCODERS} | {"sd1": {"sd15"}, "sd2": {"sd2base", "sd21"}}
    losses = studies.results(study, "losses", "results/losses/*/*/*.parquet")
    lpips = losses[losses["metric"] == "lpips"]
    assert len(lpips) == 7 * 9 * 16 and (lpips["first_loss"].dropna() > 0).all()

    # Nothing was fetched that is not loaded, and every commit is on record.
    for name in hub.downloads:
        owner, repository, path = name.split("/", 2)
        assert hub.repositories[f"{owner}/{repository}"][path] != published_repositories.NOT_LOADED, name
    assert f"pytorch/models/{alexnet}.pth" in hub.downloads
    for record in [
        *(f"models/{name}.json" for name in MODELS),
        "clip/laion--CLIP-ViT-H-14-laion2B-s32B-b79K/fetched.json",
        "captioner/Salesforce--blip-image-captioning-large/fetched.json",
    ]:
        for answer in json.loads((study / "resources" / record).read_text()):
            assert answer["commit"] == hub.commit(answer["repository"])
