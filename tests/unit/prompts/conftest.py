"""Models with random weights and a small vocabulary, for all tests of prompts."""

from pathlib import Path

import pytest
import torch

from aedr.prompts.clip import Clip, load_clip
from phrases_and_pictures import FILES, write_vocabulary
from tiny_interrogators import save_tiny_captioner, save_tiny_clip

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def clip(clip_folder: Path) -> Clip:
    return load_clip(clip_folder, CPU)


@pytest.fixture(scope="session")
def captioner_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_captioner(tmp_path_factory.mktemp("captioner"))


@pytest.fixture
def vocabulary_folder(tmp_path: Path) -> Path:
    return write_vocabulary(tmp_path / "vocabulary", FILES)
