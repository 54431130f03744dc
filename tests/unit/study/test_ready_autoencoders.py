"""The entries for decoders that are common in the wild fit the published study."""

from pathlib import Path

import yaml
from snakemake.utils import update_config

from aedr.study.configuration import check_configuration, complete_configuration

ROOT = Path(__file__).parents[3]


def test_the_entries_join_the_published_study_without_a_pipeline(tmp_path) -> None:
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    ready = yaml.safe_load((ROOT / "config/autoencoders.yaml").read_text())
    known = set(config["models"])
    update_config(config, ready)
    complete = complete_configuration(config, ROOT / "workflow/schemas/config.schema.yaml")
    check_configuration(complete)
    added = {name: model for name, model in complete["models"].items() if name not in known}
    assert set(added) == {"sd-vae-ft-mse", "sd-vae-ft-ema", "kl-f8-anime2", "sdxl-0-9", "sdxl-fp16-fix"}
    for model in added.values():
        assert model["pipeline"] is None and model["decode"] in complete["image_sets"] and not model["trusted_pickle"]
