"""The study of the paper's eight models, planned and not run."""

import yaml

import studies
from studies import planned_jobs


def test_the_study_of_eight_models_is_planned_in_full(root, tmp_path) -> None:
    studies.write_pictures(tmp_path / "data/real", usable=10)
    config = yaml.safe_load((studies.ROOT / "config/config.yaml").read_text())
    count = len(list((tmp_path / "data/real").iterdir()))
    planned = planned_jobs(tmp_path, config | {"images_per_source": count, "shard_size": count}, root=root)
    assert planned["fetch_model"] == 8 and "fetch_autoencoder" not in planned
    assert planned["fetch_lpips_backbone"] == 1
    assert planned["generate_images"] == 8
    # sd2base and sd21 share one autoencoder, and the photographs are a source of their own.
    assert planned["identify_autoencoder"] == 7
    assert planned["reconstruct_images"] == 7 * 9
    assert planned["compare_with_paper"] == 1
    subset = planned_jobs(tmp_path, config, "--config", "select=[sd21,flux]", root=root)
    assert subset["fetch_model"] == 2 and subset["fetch_autoencoder"] == 1


def test_an_autoencoder_whose_images_exist_is_fetched_alone(root, tmp_path) -> None:
    studies.write_pictures(tmp_path / "data/real", usable=10)
    config = yaml.safe_load((studies.ROOT / "config/config.yaml").read_text())
    entry = config["models"]["sdxl"] | {"pipeline": None, "folder": "data/real"}
    planned = planned_jobs(tmp_path, config | {"models": {"sdxl": entry}}, root=root)
    assert planned["fetch_autoencoder"] == 1
    assert not {"fetch_model", "generate_images", "extract_prompts"} & set(planned)
