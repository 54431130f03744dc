"""CLIP models: loading one from a folder, counting tokens, embedding phrases."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from aedr.errors import UserError
from aedr.prompts.clip import Clip, load_clip
from tiny_interrogators import save_tiny_clip

CPU = torch.device("cpu")


def test_the_real_tokenizer_counts_start_end_and_commas(clip: Clip) -> None:
    assert clip.context_length == 77
    assert clip.count_tokens("") == 2
    assert clip.count_tokens("a cat, a dog") == 7
    assert clip.count_tokens("cat " * 200) == 202, "counted beyond the context, not truncated to it"


def test_phrases_of_the_same_tokens_get_the_same_embedding_whatever_the_batch(clip: Clip) -> None:
    phrases = ["Old Street", "dark", "bright", "old  street", "a red sky", "OLD STREET"]
    for batch_size in (1, 2, 3, 100):
        embeddings = clip.embed_phrases(phrases, batch_size)
        assert np.array_equal(embeddings[0], embeddings[3]) and np.array_equal(embeddings[0], embeddings[5])
        assert not np.array_equal(embeddings[0], embeddings[1])
        assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
        assert embeddings.dtype == np.float32 and embeddings.shape == (6, 24)


def test_phrases_are_embedded_bare(clip: Clip) -> None:
    tokens = clip.tokenizer(["a painting"])
    with torch.inference_mode():
        alone = torch.nn.functional.normalize(clip.model.encode_text(tokens), dim=-1).numpy()
    assert np.allclose(clip.embed_phrases(["a painting", "dark"], 8)[0], alone[0], atol=1e-6)


@pytest.mark.parametrize("name", ["open_clip_config.json", "open_clip_model.safetensors"])
def test_an_incomplete_clip_folder_is_told(tmp_path: Path, name: str) -> None:
    folder = save_tiny_clip(tmp_path / "clip")
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"lacks {name}"):
        load_clip(folder, CPU)


def test_pickled_clip_weights_are_refused(tmp_path: Path) -> None:
    folder = save_tiny_clip(tmp_path / "clip")
    (folder / "open_clip_model.safetensors").rename(folder / "open_clip_pytorch_model.bin")
    with pytest.raises(UserError, match="safetensors only"):
        load_clip(folder, CPU)


def test_a_broken_clip_configuration_is_told(tmp_path: Path) -> None:
    folder = save_tiny_clip(tmp_path / "clip")
    (folder / "open_clip_config.json").write_text(json.dumps({"no": "model_cfg"}))
    with pytest.raises(UserError, match="cannot load the folder"):
        load_clip(folder, CPU)


def test_the_context_length_is_the_models(tmp_path: Path) -> None:
    assert load_clip(save_tiny_clip(tmp_path / "clip", context_length=64), CPU).context_length == 64
