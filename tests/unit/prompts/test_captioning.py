"""Captioners: only safe weights are loaded."""

from pathlib import Path

import pytest
import torch

from aedr.errors import UserError
from aedr.prompts.captioning import load_captioner

CPU = torch.device("cpu")


def test_pickled_captioner_weights_are_refused(captioner_folder: Path, tmp_path: Path) -> None:
    for file in captioner_folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="captioner.*cannot load"):
        load_captioner(tmp_path, CPU)
