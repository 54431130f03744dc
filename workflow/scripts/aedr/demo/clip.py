"""Training of the demo's CLIP model on pictures from the six photographs and phrases from the demo's vocabulary."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import open_clip
import tokenizers
import torch
import transformers

from aedr.demo.pictures import LOOKS
from aedr.demo.text import MEDIUMS
from aedr.errors import UserError
from aedr.jobs import progress

Places = npt.NDArray[np.int_]

# The medium of a picture whose looks imply no other.
PHOTOGRAPH = "a photograph"


def build_phrase_tokenizer(
    phrases: list[str], vocabulary_size: int, context_length: int
) -> transformers.PreTrainedTokenizerFast:
    """Return a lower-case byte-level BPE tokenizer with at most `vocabulary_size` pieces, fitted to `phrases`."""
    start, end, padding = specials = ["<start_of_text>", "<end_of_text>", "<padding>"]
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.normalizer = tokenizers.normalizers.Lowercase()
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    core.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=specials,
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(phrases, trainer)
    core.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(start, core.token_to_id(start)), (end, core.token_to_id(end))],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=start, eos_token=end, pad_token=padding, model_max_length=context_length
    )


def describe_model(settings: Mapping[str, Any], size: int, tokens: int, end: int) -> dict[str, Any]:
    """Return open_clip's configuration of the model.

    size: side of the pictures in pixels; tokens: size of the tokenizer's vocabulary; end: its end-of-text token.
    """
    text = {
        **settings["text"],
        "vocab_size": tokens,
        "pool_type": "eos",
        "eos_id": end,
        # If any name is set, open_clip reads the tokenizer's files from the model's own folder.
        "hf_tokenizer_name": "demo",
    }
    return {
        "model_cfg": {
            "embed_dim": settings["embed_dim"],
            "vision_cfg": {**settings["vision"], "image_size": size},
            "text_cfg": text,
        },
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"},
    }


def true_phrases(
    names: list[str],
    looks: list[list[str]],
    photographs: Mapping[str, Mapping[str, Any]],
    phrases: Mapping[str, list[str]],
    everything: list[str],
) -> list[Places]:
    """Return, for each picture, the places in `everything` of the phrases that are true of it.

    names, looks: each picture's photograph and looks; phrases: the vocabulary by kind; everything: all its phrases.

    Raises `UserError` if a phrase of the vocabulary is true of no picture, since it could not be learnt.
    """
    place = {phrase: number for number, phrase in enumerate(everything)}
    of_photograph = {
        name: [entry["caption"], f"by {entry['artist']}", f"inspired by {entry['artist']}"]
        + [phrase for phrase in phrases["trending"] if entry["origin"].casefold() in phrase.casefold()]
        for name, entry in photographs.items()
    }
    truths = []
    for name, picture_looks in zip(names, looks, strict=True):
        mediums = [MEDIUMS[look] for look in picture_looks if look in MEDIUMS]
        found = of_photograph[name] + (mediums or [PHOTOGRAPH])
        for look in picture_looks:
            movement, flavors = LOOKS[look]
            found = found + list(flavors) + ([movement] if movement else [])
        truths.append(np.array(sorted({place[phrase] for phrase in found if phrase in place})))
    shown = {everything[number] for number in np.unique(np.concatenate(truths))}
    unused = [phrase for phrase in everything if phrase not in shown]
    if unused:
        raise UserError(
            f"demo/vocabulary: no training picture is described by {', '.join(unused)}. "
            "Remove these phrases, or add them to a photograph in demo/training.yaml or to a look."
        )
    return truths


def draw_pairs(rng: np.random.Generator, truths: list[Places], count: int) -> tuple[list[int], list[int]]:
    """Draw up to `count` pictures and, for each, a phrase that is true of it; no phrase is drawn twice."""
    chosen, said = [], []
    for picture in rng.choice(len(truths), size=count, replace=False):
        free = [phrase for phrase in truths[picture] if phrase not in said]
        if len(free):
            chosen.append(int(picture))
            said.append(int(rng.choice(free)))
    return chosen, said


def train_clip(
    model: Any,
    pictures: npt.NDArray[np.float32],
    tokens: torch.Tensor,
    truths: list[Places],
    settings: Mapping[str, Any],
    rng: np.random.Generator,
) -> None:
    """Train an open_clip model in place.

    Every step shows the model pictures and, for each, one phrase that is true of it; no phrase is shown twice in a
    step. The loss is open_clip's contrastive loss. It thus gives the phrases of a picture equal probabilities, and
    false ones none.

    Args:
        pictures: shape (pictures, 3, size, size), in [-1, 1].
        tokens: of every phrase, shape (phrases, context length).
        truths: those of `true_phrases`.
        settings: `steps`, `batch_size`, `learning_rate` and `weight_decay`.
    """
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings["weight_decay"]}, {"params": others, "weight_decay": 0.0}],
        lr=settings["learning_rate"],
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings["learning_rate"], settings["steps"], pct_start=0.1, cycle_momentum=False
    )
    contrast = open_clip.loss.ClipLoss()
    model.train()
    for step in progress(range(settings["steps"]), settings["steps"], "training steps"):
        chosen, said = draw_pairs(rng, truths, settings["batch_size"])
        image_features, text_features, scale = model(torch.from_numpy(pictures[chosen]), tokens[said])
        loss = contrast(image_features, text_features, scale)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, np.log(100))
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
