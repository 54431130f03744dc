"""Prompts for training pictures, and a small CLIP tokenizer for their words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from aedr.demo.pictures import LOOKS

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

# The medium of a picture with this look.
MEDIUMS = {
    "near": "a close-up",
    "far": "a wide view",
    "monochrome": "a black and white photograph",
    "mirrored": "a mirror image",
}


def compose_prompt(
    rng: numpy.random.Generator,
    photograph: Mapping[str, Any],
    looks: Sequence[str],
    phrases: Mapping[str, Sequence[str]],
) -> str:
    """Return a prompt, composed like the study's prompts, for a picture of `photograph` with these `looks`.

    phrases: the vocabulary by kind. Every part except the caption is sometimes left out, and artists and trending sites
    sometimes belong to another photograph, so that the caption decides what is in the picture.
    """

    def pick(among: Sequence[str]) -> str:
        return among[int(rng.integers(len(among)))]

    def pick_mostly(fitting: Sequence[str], kind: str) -> str:
        return pick(fitting if fitting and rng.random() < 0.75 else phrases[kind])

    looks = [looks[i] for i in rng.permutation(len(looks))]
    first = photograph["caption"]
    media = [MEDIUMS[look] for look in looks if look in MEDIUMS]
    if media and rng.random() < 0.5:
        first += ", " + media[0]
    if rng.random() < 0.65:
        first += " " + pick_mostly([phrase for phrase in phrases["artist"] if photograph["artist"] in phrase], "artist")
    parts = [first]
    if rng.random() < 0.65:
        parts.append(
            pick_mostly([phrase for phrase in phrases["trending"] if photograph["origin"] in phrase], "trending")
        )
    movements = [movement for movement, _ in (LOOKS[look] for look in looks) if movement]
    if rng.random() < 0.65:
        parts.append(movements[0] if movements else "realism")
    flavors = [pick(LOOKS[look][1]) for look in looks]
    parts += flavors[: int(rng.integers(0, 4))]
    return ", ".join(parts)


def build_prompt_tokenizer(
    folder: str | Path, texts: Sequence[str], vocabulary_size: int, length: int
) -> CLIPTokenizer:
    """Return a CLIPTokenizer with merges learned from `texts`; write its files to `folder`.

    length: the number of tokens that a prompt is padded to. Any text can be tokenised, as the vocabulary has all bytes.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # CLIP's own normaliser and splitter, so that merges are learned from exactly the pieces that it will see.
    template = CLIPTokenizer().backend_tokenizer
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer, learner.pre_tokenizer = template.normalizer, template.pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    merges = [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"]]
    # The trainer keeps only the word-final bytes that occur in the texts; the vocabulary must have all.
    pieces = alphabet + [byte + "</w>" for byte in alphabet] + ["".join(merge) for merge in merges]
    # CLIPTextModel may take the largest token for the end of a prompt, so the end token comes last.
    pieces = list(dict.fromkeys(pieces)) + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(
        json.dumps({piece: index for index, piece in enumerate(pieces)}, ensure_ascii=False), encoding="utf-8"
    )
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # transformers 5 reads the files only from a folder and ignores those passed by name.
    return CLIPTokenizer.from_pretrained(folder, model_max_length=length)
