"""Prompts from pictures, composed as in CLIP Interrogator 0.6.0's classic mode."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aedr.prompts.clip import Embeddings
from aedr.study.prompt_files import KINDS

FLAVORS = 3

# Phrases compared at once: the published vocabulary has 101,000 flavors of 1,024 numbers each.
_CHUNK = 8192


@dataclass(frozen=True)
class Phrases:
    """The competing phrases of one kind and their unit-length embeddings, shape (phrases, dimensions)."""

    phrases: Sequence[str]
    embeddings: Embeddings


def phrases_by_kind(vocabulary: pd.DataFrame) -> dict[str, Phrases]:
    """Return the phrases of each kind from a vocabulary table."""
    return {
        str(kind): Phrases(list(rows["phrase"]), np.stack(list(rows["embedding"])))
        for kind, rows in vocabulary.groupby("kind", sort=False)
    }


def best_phrases(images: Embeddings, phrases: Phrases, count: int) -> list[list[str]]:
    """Return the `count` phrases nearest to each image by cosine, nearest first, ties in vocabulary order.

    `images` has unit-length embeddings, shape (images, dimensions).
    """
    chunks = [
        images.astype(np.float64) @ phrases.embeddings[start : start + _CHUNK].astype(np.float64).T
        for start in range(0, len(phrases.phrases), _CHUNK)
    ]
    # Even float64 products of equal float32 embeddings differ in their last digits, by their place in the matrix.
    cosines = np.round(np.concatenate(chunks, axis=1), 9)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    return [[phrases.phrases[place] for place in row] for row in order]


def interrogate(
    images: Embeddings,
    captions: Sequence[str],
    vocabulary: Mapping[str, Phrases],
    count_tokens: Callable[[str], int],
    context_length: int,
) -> list[str]:
    """Return the prompt of each image, from its unit-length embedding, its caption and the phrases of every kind."""
    best = {kind: best_phrases(images, vocabulary[kind], FLAVORS if kind == "flavor" else 1) for kind in KINDS}
    prompts = []
    for number, caption in enumerate(captions):
        medium, artist, trending, movement = (best[kind][number][0] for kind in KINDS if kind != "flavor")
        prompt = compose_prompt(caption, medium, artist, trending, movement, best["flavor"][number])
        prompts.append(limit_tokens(prompt, count_tokens, context_length))
    return prompts


def compose_prompt(caption: str, medium: str, artist: str, trending: str, movement: str, flavors: Sequence[str]) -> str:
    """Return `{caption}, {medium} {artist}, {trending}, {movement}, {flavors}`.

    If the caption begins with the medium, the medium is not repeated, and the artist follows the caption without a
    comma.
    """
    beginning = f"{caption} {artist}" if caption.startswith(medium) else f"{caption}, {medium} {artist}"
    return ", ".join([beginning, trending, movement, *flavors])


def limit_tokens(prompt: str, count_tokens: Callable[[str], int], context_length: int) -> str:
    """Return the longest beginning of `prompt` that ends before a comma and has fewer than `context_length` tokens.

    The part before the first comma is always kept, even if it is too long. CLIP Interrogator does not count the comma
    before the last part, so its prompts can reach the limit; here they stay below it.
    """
    first, *parts = prompt.split(", ")
    for part in parts:
        longer = f"{first}, {part}"
        if count_tokens(longer) >= context_length:
            break
        first = longer
    return first
