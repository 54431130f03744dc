"""Verdicts: what conformal p-values promise, counted on many images."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import kstest

from aedr.verdicts.decision import (
    CANNOT_SAY,
    FAMILY,
    NONE,
    REAL,
    SEVERAL,
    Evidence,
    Reference,
    Verdict,
    contradicted,
    decide,
    rank_from_above,
    weigh,
)
from aedr.verdicts.promise import Promise

CHANCE = np.random.default_rng(11)
NAMES = [f"autoencoder-{i}" for i in range(8)]
AVERAGE = Promise(0.05)


def own_signals(size: int) -> np.ndarray:
    return np.exp(CHANCE.normal(0, 0.2, size))


def real_signals(size: int) -> np.ndarray:
    """Ratios of real images: mostly large, and one in ten as small as an autoencoder's own."""
    return np.exp(
        np.where(CHANCE.random((size, 8)) < 0.1, CHANCE.normal(0, 0.2, (size, 8)), CHANCE.normal(2, 0.5, (size, 8)))
    )


def reference(real: int = 200) -> Reference:
    return compared({name: own_signals(60) for name in NAMES}, {REAL: pd.DataFrame(real_signals(real), columns=NAMES)})


def compared(own: dict[str, np.ndarray], others: dict[str, pd.DataFrame]) -> Reference:
    return Reference("loss_ratio", AVERAGE, own, others, textures={}, sizes={})


def conformal_p_value(own: npt.ArrayLike, value: float) -> float:
    return AVERAGE.p_value(rank_from_above(own, value), len(own))


def test_p_values_of_own_images_are_uniform() -> None:
    values = [conformal_p_value(own_signals(99), own_signals(1)[0]) for _ in range(2000)]
    assert min(values) == 0.01
    # A discrete uniform: spread over its step, it is continuous.
    assert kstest(np.array(values) - CHANCE.random(2000) / 100, "uniform").pvalue > 0.01


def test_a_p_value_is_never_zero_and_counts_ties() -> None:
    assert conformal_p_value([1, 2, 3], 4) == 0.25
    assert conformal_p_value([1, 2, 3], 3) == 0.5
    assert conformal_p_value([1, 2, 3], 0) == 1


@pytest.mark.parametrize("confidence, images", [(None, 19), (0.95, 59), (0.99, 90)])
def test_a_level_needs_as_many_images_as_its_smallest_p_value_does(confidence, images) -> None:
    promise = Promise(0.05, confidence)
    assert promise.fewest_images == images
    assert promise.p_value(1, images) <= 0.05 < promise.p_value(1, images - 1)
    assert promise.p_value(images + 1, images) == 1


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_real_images_are_given_to_any_of_eight_autoencoders_no_more_often_than_asked_for(alpha) -> None:
    named = uncorrected = 0
    for _ in range(400):
        signals = dict(zip(NAMES, real_signals(1)[0], strict=True))
        evidence = weigh(reference(100), signals)
        named += decide(evidence, alpha).verdict in (FAMILY, SEVERAL)
        plain = [Evidence(e.autoencoder, e.signal, e.p_value, None) for e in evidence]
        uncorrected += decide(plain, alpha).verdict in (FAMILY, SEVERAL)
    # Three standard errors of a share over 400 images.
    assert named / 400 <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 400)
    assert uncorrected / 400 > 0.3


def test_real_images_that_are_tried_at_several_sizes_are_named_no_more_often_either() -> None:
    named = {tried: 0 for tried in (1, 3)}
    for _ in range(250):
        sizes = pd.DataFrame(real_signals(3), columns=NAMES)
        compared = reference(100)
        for tried in named:
            named[tried] += decide(weigh(compared, sizes.min().to_dict(), tried), 0.05).verdict in (FAMILY, SEVERAL)
    assert named[3] / 250 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 250) < named[1] / 250


def foreign_reference() -> Reference:
    """Three autoencoders: the images of the third's source come near to the second in one of five cases."""
    names = NAMES[:3]
    own = {name: own_signals(100) for name in names}
    return compared(own, {source: foreign_images(source, 100) for source in ("of-0", "of-1", "of-2")})


def foreign_images(source: str, size: int) -> pd.DataFrame:
    owner = NAMES[int(source[-1])]
    signals = pd.DataFrame({name: np.exp(CHANCE.normal(2, 0.3, size)) for name in NAMES[:3] if name != owner})
    if source == "of-2":
        signals[NAMES[1]] = np.where(CHANCE.random(size) < 0.2, own_signals(size), signals[NAMES[1]])
    return signals


def test_images_of_another_source_are_given_to_a_wrong_autoencoder_no_more_often_than_asked_for() -> None:
    """Its own autoencoder is not asked: the hardest case, for then nothing better can be named."""
    named = {True: 0, False: 0}
    for _ in range(250):
        compared_with = foreign_reference()
        signals = foreign_images("of-2", 1).iloc[0].to_dict()
        for ask_sources in named:
            weighed = weigh(compared_with, signals)
            if not ask_sources:
                weighed = tuple(replace(e, foreign={}) for e in weighed)
            named[ask_sources] += decide(weighed, 0.05).verdict in (FAMILY, SEVERAL)
    assert named[True] / 250 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 250)
    assert named[False] / 250 > 0.12


def evidence(p_value: float, corrected: float | None, **foreign: float) -> Evidence:
    return Evidence("a", 1.0, p_value, corrected, foreign)


def other(p_value: float, corrected: float | None, **foreign: float) -> Evidence:
    return replace(evidence(p_value, corrected, **foreign), autoencoder="b")


@pytest.mark.parametrize(
    "weighed, obstacle, verdict, autoencoders",
    [
        ([evidence(0.5, 0.01), other(0.01, 1.0)], None, FAMILY, ("a",)),
        ([evidence(0.5, 0.01), other(0.2, 0.05)], None, SEVERAL, ("a", "b")),
        ([evidence(0.05, 1.0)], None, NONE, ()),
        ([evidence(0.05, 1.0)], "off the grid", CANNOT_SAY, ()),
        ([evidence(0.5, 0.06)], None, CANNOT_SAY, ()),
        ([evidence(0.5, None)], None, FAMILY, ("a",)),
        ([evidence(0.5, 0.01)], "off the grid", FAMILY, ("a",)),
        ([], "too small", CANNOT_SAY, ()),
        ([replace(evidence(0.5, 0.01), obstacle="too smooth")], None, CANNOT_SAY, ()),
        ([replace(evidence(0.5, 0.01), obstacle="too smooth"), other(0.2, 0.05)], None, FAMILY, ("b",)),
        ([evidence(0.5, 0.01, of_b=0.06)], None, CANNOT_SAY, ()),
        ([evidence(0.5, 0.01, of_b=0.06), other(0.05, 0.01)], None, CANNOT_SAY, ()),
        # What decoded the other source is possible too, so both are named...
        ([evidence(0.5, 0.01, of_b=0.06), other(0.2, 0.01, of_a=0.06)], None, SEVERAL, ("a", "b")),
        # ...unless it is itself excluded by a third source.
        ([evidence(0.5, 0.01, of_b=0.06), other(0.2, 0.01, of_c=0.06)], None, CANNOT_SAY, ()),
        ([evidence(0.5, 0.01, of_b=0.01), other(0.2, 0.01, of_a=0.06)], None, SEVERAL, ("a", "b")),
    ],
)
def test_the_answer_follows_from_all_questions(weighed, obstacle, verdict, autoencoders) -> None:
    owners = {"of_a": frozenset("a"), "of_b": frozenset("b")}
    answer = decide(weighed, 0.05, owners, obstacle)
    assert (answer.verdict, answer.autoencoders) == (verdict, autoencoders)
    assert (answer.reason is not None) == (verdict == CANNOT_SAY)


def test_what_casts_doubt_on_a_denial_is_its_reason() -> None:
    weighed = [replace(evidence(0.05, 1.0), caveat="rougher than any own image of a")]
    assert decide(weighed, 0.05).reason == "rougher than any own image of a"


def test_a_real_image_without_a_signal_is_near_to_nothing() -> None:
    real = pd.DataFrame({"a": [np.nan] * 99})
    assert weigh(compared({"a": own_signals(50)}, {REAL: real}), {"a": 1.0})[0].corrected_p_value == 0.01


def test_an_autoencoder_that_most_other_sources_come_near_to_is_held_back() -> None:
    """Three of them and 36 real images: nothing good could be named, as a level of 0.05 allows one rank only."""
    weak, good = NAMES[:3], NAMES[3:]
    own = {name: own_signals(60) for name in NAMES}

    def near_to_weak(size: int) -> pd.DataFrame:
        return pd.DataFrame({n: own_signals(size) * (1 if n in weak else np.exp(2)) for n in NAMES})

    real = near_to_weak(36)
    alone, beside = compared(own, {REAL: real}), compared(own, {REAL: real, "other": near_to_weak(40)})
    signals = dict.fromkeys(NAMES, 9.0) | {good[0]: 1.0}
    corrected = [
        next(e for e in weigh(r, signals) if e.autoencoder == good[0]).corrected_p_value for r in (alone, beside)
    ]
    assert corrected[1] == 1 / 37 < 0.05 < corrected[0]


def test_another_metric_can_only_make_a_verdict_unsure() -> None:
    near, far = (Evidence("a", 1.0, p, 0.01) for p in (0.5, 0.01))
    family, none = Verdict(FAMILY, ("a",), None, (near,)), Verdict(NONE, (), None, (far,))
    metrics = ("first", "second")
    assert contradicted(family, family, metrics, 0.05) is family and contradicted(none, none, metrics, 0.05) is none
    for verdict, other in ((family, none), (none, family)):
        unsure = contradicted(verdict, other, metrics, 0.05)
        assert (unsure.verdict, unsure.autoencoders) == (CANNOT_SAY, ()) and "metrics disagree" in str(unsure.reason)
    # Not named by the other metric, for another reason than its distance.
    assert contradicted(family, Verdict(CANNOT_SAY, (), "x", (near,)), metrics, 0.05) is family
