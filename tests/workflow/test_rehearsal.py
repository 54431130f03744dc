"""The published study, rehearsed: its own configuration and repositories as they are published, with tiny weights.

Three models stand for eight, those whose repositories differ most from what is saved today. From photographs to the
accuracy matrix; without LPIPS, whose network is too large to make up.
"""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import fake_hub
import published_model
import studies
import tiny_interrogators
import tiny_models
from phrases_and_pictures import FILES, write_vocabulary

MODELS = ["sd15", "kd21", "vqdm"]


def publish(hub: fake_hub.Hub, config: dict, folder: Path) -> None:
    """Hold tiny models under the names, and with the commits, of the published study."""
    for name in MODELS:
        entry = config["models"][name]
        tiny_models.TINY_MODELS[name](folder / name)
        if entry["prior_repository"]:
            hub.hold(entry["prior_repository"], folder / name / "prior")
            shutil.rmtree(folder / name / "prior")
        if name == "vqdm":
            published_model.make_vq_diffusion_old(folder / name)
        if name == "sd15":
            published_model.make_stable_diffusion_old(folder / name)
        hub.hold(entry["repository"], folder / name, entry["revision"])
    clip, captioner = config["prompts"]["clip"], config["prompts"]["captioner"]
    hub.hold(clip["repository"], tiny_interrogators.save_tiny_clip(folder / "clip"), clip["revision"])
    hub.hold(captioner["repository"], tiny_interrogators.save_tiny_captioner(folder / "captioner"))


def make_small(config: dict) -> dict:
    """Return the published configuration for few, tiny images on a CPU."""
    for entry in config["models"].values():
        entry |= {"steps": 2} | ({"image_size": 32} if "image_size" in entry else {})
        if not isinstance(entry.get("autoencoder"), str):
            entry["autoencoder"] = entry.get("autoencoder", {}) | studies.UNTRAINED["autoencoder"]
        entry.setdefault("revision", None)
        entry.setdefault("prior_repository", None)
    config["reconstruction"] |= {"metrics": ["l2", "high_frequency"]}
    config["attribution"] |= studies.PIXEL_VERDICTS
    config["prompts"]["vocabulary"] = "vocabulary"
    small = {"device": "cpu", "select": MODELS, "images_per_source": 16, "shard_size": 16}
    return config | small


def test_the_published_study_runs_from_photographs_to_the_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tmp_path / "study"
    studies.write_pictures(study / "data/real", usable=14)
    for name in {path.name for path in (study / "data/real").iterdir()} - {f"größe {i} {{x}}.png" for i in range(14)}:
        (study / "data/real" / name).unlink()
    large = np.kron(np.random.default_rng(0).integers(0, 256, (130, 10, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    Image.fromarray(large).save(study / "data/real/large.jpg")
    Image.new("RGBA", (32, 32), (9, 9, 9, 99)).save(study / "data/real/see through.png")
    write_vocabulary(study / "vocabulary", FILES)
    config = make_small(yaml.safe_load((studies.ROOT / "config/config.yaml").read_text()))
    with fake_hub.serve() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        publish(hub, config, tmp_path / "published")
        run = studies.run_snakemake(study, config, "results/accuracy.csv")
    assert run.returncode == 0, run.stdout

    assert "real/see through.png is not used: transparent pixels" in run.stdout
    assert "real: of 1 of 16 images only the middle is used, since they are larger than crop_to (1024)" in run.stdout
    images = studies.results(study, "images", "results/images/*/*.parquet").set_index("image_id")
    assert images.loc["real/large.jpg", ["height", "width"]].tolist() == [1024, 80]
    missing = images[images["reason"].notna()]
    assert sorted(missing["source"]) == sorted([*MODELS, "real"])
    assert missing.loc[missing["source"] != "real", "reason"].unique().tolist() == [
        "no prompt: real/see through.png: transparent pixels: flatten the picture onto a background first"
    ]
    cells = pd.read_csv(study / "results/accuracy.csv")
    assert set(cells["source"]) == {*MODELS, "real"} and set(cells["autoencoder"]) == {"sd1", "kd21", "vqdm"}

    # Nothing was fetched that is not loaded, and every commit is on record.
    fetched = sorted(name for name in hub.downloads if name.startswith(config["models"]["sd15"]["repository"]))
    assert not [name for name in fetched if re.search(r"\.bin$|fp16|non_ema|emaonly", name)]
    for record, repository in {
        "models/sd15.json": "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "clip/laion--CLIP-ViT-H-14-laion2B-s32B-b79K/fetched.json": "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
        "captioner/Salesforce--blip-image-captioning-large/fetched.json": "Salesforce/blip-image-captioning-large",
    }.items():
        (answer,) = json.loads((study / "resources" / record).read_text())
        assert (answer["repository"], answer["commit"]) == (repository, hub.commit(repository))
