"""The demo's CLIP model: how it is trained, and what the committed one knows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import train_demo_clip
from aedr.demo.clip import build_phrase_tokenizer, draw_pairs, true_phrases
from aedr.demo.photographs import load_training_parts
from aedr.demo.pictures import draw_pictures
from aedr.errors import UserError
from aedr.prompts.clip import load_clip
from aedr.prompts.interrogation import Phrases, best_phrases
from aedr.prompts.vocabulary import read_vocabulary

DEMO = Path(__file__).parents[3] / "demo"
CPU = torch.device("cpu")
SETTINGS: dict[str, Any] = {
    "seed": 7,
    "pictures": 300,
    "native_share": 0.5,
    "steps": 3,
    "batch_size": 16,
    "learning_rate": 0.001,
    "weight_decay": 0.1,
    "vocabulary_size": 400,
    "embed_dim": 16,
    "vision": {"layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text": {"context_length": 77, "layers": 1, "width": 32, "heads": 2},
}


def train(folder: Path, **changes: Any) -> Path:
    train_demo_clip.train_demo_clip(
        str(DEMO / "training.yaml"), str(DEMO / "vocabulary"), str(folder), SETTINGS | changes
    )
    return folder


def test_training_is_repeatable_and_its_folder_can_be_moved(tmp_path: Path) -> None:
    first = train(tmp_path / "first")
    weights = (first / "open_clip_model.safetensors").read_bytes()
    assert (train(tmp_path / "second") / "open_clip_model.safetensors").read_bytes() == weights
    assert (train(tmp_path / "third", seed=8) / "open_clip_model.safetensors").read_bytes() != weights
    assert str(tmp_path) not in "".join(file.read_text() for file in first.glob("*.json"))
    moved = first.rename(tmp_path / "elsewhere")
    clip = load_clip(moved, CPU)
    assert clip.context_length == 77
    assert clip.embed_phrases(["a photograph of a cat", "anything: Ω & 猫!"], 2).shape == (2, 16)


def test_its_tokenizer_counts_and_ends_every_text() -> None:
    tokenizer = build_phrase_tokenizer(["a photograph of a cat", "by Stéfan"], 300, 77)
    assert len(tokenizer) <= 300
    tokens = tokenizer("a photograph of a cat").input_ids
    assert tokens[0] == tokenizer.bos_token_id and tokens[-1] == tokenizer.eos_token_id and len(tokens) == 7
    assert tokenizer("A Photograph").input_ids == tokenizer("a photograph").input_ids
    long = tokenizer("cat " * 200, truncation=True, max_length=77).input_ids
    assert len(long) == 77 and long[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(tokenizer("by Stéfan 猫").input_ids, skip_special_tokens=True) == " by stéfan 猫"


def test_a_phrase_that_describes_no_picture_is_told() -> None:
    photographs = {"cat": {"caption": "a cat", "artist": "X", "origin": "flickr"}}
    phrases = {"trending": ["flickr", "behance"]}
    everything = ["a cat", "by X", "inspired by X", "flickr", "behance", "a photograph", "bright", "bright light"]
    with pytest.raises(UserError, match="described by behance"):
        true_phrases(["cat"], [["bright"]], photographs, phrases, everything)
    known = [phrase for phrase in everything if phrase != "behance"]
    [truth] = true_phrases(["cat"], [["bright"]], photographs, phrases, known)
    assert [known[number] for number in truth] == known


def test_no_phrase_is_given_twice_in_a_step_and_each_is_true() -> None:
    truths = [np.array([0, 1]), np.array([1, 2]), np.array([2, 0]), np.array([0])]
    rng = np.random.default_rng(0)
    for _ in range(50):
        chosen, said = draw_pairs(rng, truths, 4)
        assert len(set(said)) == len(said) and len(set(chosen)) == len(chosen)
        assert all(phrase in truths[picture] for picture, phrase in zip(chosen, said, strict=True))


def test_the_committed_model_is_small_and_knows_its_photographs() -> None:
    assert sum(file.stat().st_size for file in (DEMO / "clip").iterdir()) < 3e6
    clip = load_clip(DEMO / "clip", CPU)
    demo = yaml.safe_load((DEMO / "training.yaml").read_text(encoding="utf-8"))
    vocabulary = read_vocabulary(DEMO / "vocabulary")
    parts = load_training_parts(demo["photographs"])
    rng = np.random.default_rng(99)
    pictures, names, looks = draw_pictures(rng, 200, parts, demo["photographs"], demo["pictures"])
    pixels = [np.rint((picture.transpose(1, 2, 0) + 1) * 127.5).astype(np.uint8) for picture in pictures]
    embeddings = clip.embed_images(pixels)

    def best(phrases: list[str]) -> list[str]:
        return [found for [found] in best_phrases(embeddings, Phrases(phrases, clip.embed_phrases(phrases, 64)), 1)]

    entries = [demo["photographs"][name] for name in names]
    captions = [entry["caption"] for entry in demo["photographs"].values()]
    artists = best(vocabulary["artist"])
    assert np.mean([entry["caption"] == said for entry, said in zip(entries, best(captions), strict=True)]) > 0.9
    assert np.mean([said.endswith(entry["artist"]) for entry, said in zip(entries, artists, strict=True)]) > 0.9
    # Chance would be the share of pictures that are bright, and the like.
    bright_or_dark = best(["bright", "dark"])
    seen = [(said, look) for said, found in zip(bright_or_dark, looks, strict=True) for look in found if look in said]
    shown = [look for found in looks for look in found if look in ("bright", "dark")]
    assert len(seen) > 0.8 * len(shown)
