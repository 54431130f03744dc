"""Weights from a hub on the loopback interface, through Snakemake: asked for first, fetched once, generated with."""

import copy
import re
from pathlib import Path

import pytest

import fake_hub
import studies
import tiny_models


def test_weights_are_asked_for_then_fetched_and_a_new_model_costs_its_own_jobs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tmp_path / "study"
    config = studies.write_study(study)
    model = {"image_size": 32, "steps": 2, "repository": "someone/sd", "pipeline": "StableDiffusionPipeline"}
    config["models"] = {"first": model, "second": model | {"repository": "someone/gated"}}
    until_images = ("--until", "generate_images")
    with fake_hub.serve() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        for name in ("sd", "gated"):
            tiny_models.save_stable_diffusion(tmp_path / name)
            files = {file.relative_to(tmp_path / name).as_posix(): file for file in (tmp_path / name).rglob("*.*")}
            hub.repositories[f"someone/{name}"] = {name: file.read_bytes() for name, file in files.items()}

        hub.gated.add("someone/gated")
        refused = studies.run_snakemake(study, config, *until_images)
        assert refused.returncode != 0
        assert "accept the licence at https://huggingface.co/someone/gated" in refused.stdout
        assert not (study / "resources/models").exists()

        hub.gated.clear()
        made = studies.run_snakemake(study, config, *until_images)
        assert made.returncode == 0, made.stdout
        images = studies.results(study, "images", "results/images/*/*.parquet")
        assert images["source"].tolist() == ["first"] * 16 + ["second"] * 16
        assert images["reason"].isna().all()
    # The hub is gone: what is fetched is not asked for again.
    assert studies.planned_jobs(study, config, *until_images) == {}

    cheaper = copy.deepcopy(config)
    cheaper["models"]["first"] |= {"batch_size": 1, "attention_slicing": True, "offload": True}
    assert studies.planned_jobs(study, cheaper, *until_images) == {}

    other = copy.deepcopy(config)
    other["models"]["first"] |= {"steps": 3}
    assert studies.planned_jobs(study, other, *until_images) == {"generate_images": 1}

    more = copy.deepcopy(config)
    more["models"]["third"] = model
    assert studies.planned_jobs(study, more, *until_images) == {"fetch_model": 1, "generate_images": 1}

    moved = copy.deepcopy(config)
    moved["models"]["second"]["revision"] = fake_hub.commit_of("someone/gated")
    assert studies.planned_jobs(study, moved, *until_images) == {"fetch_model": 1, "generate_images": 1}


def test_a_licence_that_all_downloads_lack_is_said_when_it_happens_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompts.txt").write_text("a cat\n")
    tiny_models.save_stable_diffusion(tmp_path / "sd")
    files = {file.relative_to(tmp_path / "sd").as_posix(): file for file in (tmp_path / "sd").rglob("*.*")}
    models = {
        name: {"repository": f"someone/{name}", "pipeline": "StableDiffusionPipeline"} for name in ("open", "gated")
    }
    studies.write_pictures(tmp_path / "pictures")
    config = {"models": models, "prompts": {"file": "prompts.txt"}, "device": "cpu"}
    config |= {"image_sets": {"pictures": {"folder": "pictures"}}}
    with fake_hub.serve() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        hub.repositories = {
            f"someone/{name}": {path: file.read_bytes() for path, file in files.items()} for name in models
        }
        hub.gated.add("someone/gated")
        refused = studies.run_snakemake(tmp_path, config, "--until", "fetch_model", "--keep-going")
    assert refused.returncode != 0
    assert {"fetch_model/open.log", "fetch_model/gated.log"} <= set(
        re.findall(r"fetch_model/\w+.log", refused.stdout)
    ), refused.stdout
    assert refused.stdout.count("someone/gated is gated") == 2
