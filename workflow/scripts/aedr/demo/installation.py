"""Where trained demo models come to lie: pipelines in the precision and with the settings that are kept in git."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def install_pipeline(pipeline: Path, models: Path) -> None:
    """Copy a pipeline's folder into the folder `models`, with every floating-point tensor as float16."""
    installed = models / pipeline.name
    shutil.rmtree(installed, ignore_errors=True)
    shutil.copytree(pipeline, installed, ignore=shutil.ignore_patterns(".snakemake_timestamp"))
    for file in installed.rglob("*.safetensors"):
        tensors = {
            name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
            for name, tensor in load_file(file).items()
        }
        save_file(tensors, file, metadata={"format": "pt"})
    for file in installed.rglob("config.json"):
        # diffusers notes here from which folder of the training machine a part was read.
        config = {key: value for key, value in json.loads(file.read_text()).items() if key != "_name_or_path"}
        file.write_text(json.dumps(config, indent=2) + "\n")
