"""The tiny models of all eight kinds, saved once and loaded once."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_models
from aedr.images import pipelines
from tiny_generation import CPU, settings_of

# Pictures of 32 pixels are too small for threads to help.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    for model, save in tiny_models.TINY_MODELS.items():
        save(root / model)
    return {model: root / model for model in tiny_models.TINY_MODELS}


@pytest.fixture(scope="session")
def load(folders: dict[str, Path]) -> Any:
    @functools.cache
    def load(model: str) -> Any:
        return pipelines.load_pipeline(folders[model], model, settings_of(model), CPU)

    return load
