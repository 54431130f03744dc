"""How often the second stage is right about held-out images, how often it names a model for an image of none, at what
cost."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from aedr.denoisers.signals import SCORES
from aedr.scoring.intervals import share_interval
from aedr.scoring.signals import HELD_OUT
from aedr.verdicts.decision import Verdict
from aedr.verdicts.models import CANNOT_SAY_WHICH, MODEL, NO_MODEL, SEVERAL_MODELS, Family, decide_model
from aedr.verdicts.promise import Promise

# The model with the smallest signal, whatever it is; the answer of a verdict.
NEAREST, VERDICT = "nearest", "verdict"
# One of the models, or several of them.
NAMED = "named"
# Of *several of these*, whether they include the model.
SEVERAL_WITH, SEVERAL_WITHOUT = "several of these, it among them", "several of these, it not among them"


def confusion(family: Family, promise: Promise) -> list[dict[str, object]]:
    """Return the rows of the confusion table for a family.

    Held-out images are scored, each by the reference images without it. With `left_out`, a model is taken out of the
    study, and its images are scored by what remains.
    """
    rows: list[dict[str, object]] = []
    for score in SCORES:
        scored = replace(family, score=score)
        rows += _rows(scored, scored, "", NEAREST, _nearest(scored, scored))
        if score != family.score:
            continue
        rows += _rows(scored, scored, "", VERDICT, _answers(scored, scored, promise))
        if len(family.models) > 2:
            for model in family.models:
                remaining = scored.without(model)
                answers = _answers(scored, remaining, promise, only=model)
                rows += _rows(scored, remaining, model, VERDICT, answers)
    return rows


def _held_out(family: Family, only: str | None = None) -> Iterator[tuple[int, Any]]:
    for at, image in enumerate(family.images.itertuples()):
        if image.split == HELD_OUT and (only is None or image.source == only):
            yield at, image


def _nearest(family: Family, asked: Family) -> list[tuple[str, str]]:
    """Return the source of each held-out image and the model with the smallest signal."""
    values = asked.signals(_errors_under(family, asked))
    return [(image.source, asked.models[int(values[at].argmin())]) for at, image in _held_out(family)]


def _answers(family: Family, asked: Family, promise: Promise, only: str | None = None) -> list[tuple[str, str]]:
    """Return the source of each held-out image and the verdict on it; of *several*, whether it is right."""
    values = asked.signals(_errors_under(family, asked))
    answers = []
    whole = asked.reference(promise)
    for at, image in _held_out(family, only):
        reference = whole if only is not None else asked.reference(promise, but=image.image_id)
        verdict = decide_model(reference, dict(zip(asked.models, values[at].tolist(), strict=True)))
        answers.append((image.source, _name(verdict, image.source)))
    return answers


def _errors_under(family: Family, asked: Family) -> Any:
    return family.errors[:, [family.models.index(model) for model in asked.models]]


def _name(verdict: Verdict, source: str) -> str:
    if verdict.verdict == MODEL:
        return verdict.autoencoders[0]
    if verdict.verdict == SEVERAL_MODELS:
        return SEVERAL_WITH if source in verdict.autoencoders else SEVERAL_WITHOUT
    return verdict.verdict


def _rows(
    family: Family, asked: Family, left_out: str, protocol: str, answers: Sequence[tuple[str, str]]
) -> Iterator[dict[str, object]]:
    possible = [*asked.models]
    if protocol == VERDICT:
        possible += [SEVERAL_WITH, SEVERAL_WITHOUT, NO_MODEL, CANNOT_SAY_WHICH]
    counts = pd.Series(answers, dtype=object).value_counts().to_dict()
    sources = list(dict.fromkeys(source for source, _ in answers))
    for source in sources:
        images = sum(count for (of, _), count in counts.items() if of == source)
        for answer in possible:
            count = counts.get((source, answer), 0)
            yield {
                "family": family.name,
                "score": asked.score,
                "protocol": protocol,
                "left_out": left_out,
                "source": source,
                "answer": answer,
                **share(count, images),
            }


def share(count: int, images: int) -> dict[str, object]:
    """Return `count` of `images` as tables have it, with its interval."""
    low, high = share_interval(count, images)
    return {
        "answered": count,
        "images": images,
        "share": count / images,
        "share_low": float(low),
        "share_high": float(high),
    }


def accuracy_by_calls(family: Family, errors: pd.DataFrame, levels: Sequence[float]) -> Iterator[dict[str, object]]:
    """Yield the rows of the table of calls: the share of held-out images that the nearest model made, by fewer calls.

    Levels are taken from the middle of the list outwards, and noises in their order.

    Args:
        errors: rows of the denoising table for the family's images and models.
        levels: those of the study, in their order.
    """
    errors = errors.dropna(subset=["error"])
    by_noise = errors.pivot_table(index=["image_id", "model"], columns=["level", "noise"], values="error")
    wanted = pd.MultiIndex.from_product([family.images["image_id"], family.models])
    values = by_noise.reindex(wanted)
    noises = sorted(set(errors["noise"]))
    middle = (len(levels) - 1) / 2
    by_nearness = sorted(range(len(levels)), key=lambda at: (abs(at - middle), at))
    for level_count in range(1, len(levels) + 1):
        chosen = [levels[at] for at in sorted(by_nearness[:level_count])]
        for noise_count in range(1, len(noises) + 1):
            means = np.stack([values[level][noises[:noise_count]].mean(axis=1).to_numpy() for level in chosen], axis=-1)
            fewer = replace(family, errors=means.reshape(len(family.images), len(family.models), level_count))
            found = _nearest(fewer, fewer)
            yield {
                "family": family.name,
                "score": family.score,
                "levels": level_count,
                "noises": noise_count,
                "calls": level_count * noise_count,
                **share(sum(source == model for source, model in found), len(found)),
            }


def cost_rows(costs: Iterable[tuple[str, str, str, Mapping[str, Any]]]) -> Iterator[dict[str, object]]:
    """Yield the rows of the table of costs: seconds an image over all files of a family, a stage and a model.

    Args:
        costs: family, stage, model and what `aedr.tables.files.read_cost` returns, for each file.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for family, stage, model, cost in costs:
        groups.setdefault((family, stage, model), []).append(cost)
    for (family, stage, model), files in groups.items():
        images = sum(cost["images"] for cost in files)
        yield {
            "family": family,
            "stage": stage,
            "model": model,
            "seconds_per_image": sum(cost["seconds"] for cost in files) / max(images, 1),
            "peak_memory_bytes": max(cost["peak_memory_bytes"] for cost in files),
            "device": ", ".join(sorted({cost["device"] for cost in files})),
        }
