"""Verdicts: what conformal p-values promise, counted on many images."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from aedr.verdicts.decision import (
    CANNOT_SAY,
    FAMILY,
    NONE,
    SEVERAL,
    Evidence,
    Reference,
    conformal_p_value,
    decide,
    weigh,
)

CHANCE = np.random.default_rng(11)
NAMES = [f"autoencoder-{i}" for i in range(8)]


def own_signals(size: int) -> np.ndarray:
    return np.exp(CHANCE.normal(0, 0.2, size))


def real_signals(size: int) -> np.ndarray:
    """Ratios of real images: mostly large, and one in ten as small as an autoencoder's own."""
    return np.exp(
        np.where(CHANCE.random((size, 8)) < 0.1, CHANCE.normal(0, 0.2, (size, 8)), CHANCE.normal(2, 0.5, (size, 8)))
    )


def reference(real: int = 200) -> Reference:
    return Reference(
        "loss_ratio",
        {name: own_signals(60) for name in NAMES},
        pd.DataFrame(real_signals(real), columns=NAMES),
        smoothest={},
        sizes={},
    )


def test_p_values_of_own_images_are_uniform() -> None:
    values = [conformal_p_value(own_signals(99), own_signals(1)[0]) for _ in range(2000)]
    assert min(values) == 0.01
    # A discrete uniform: spread over its step, it is continuous.
    assert kstest(np.array(values) - CHANCE.random(2000) / 100, "uniform").pvalue > 0.01


def test_a_p_value_is_never_zero_and_counts_ties() -> None:
    assert conformal_p_value([1, 2, 3], 4) == 0.25
    assert conformal_p_value([1, 2, 3], 3) == 0.5
    assert conformal_p_value([1, 2, 3], 0) == 1


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_real_images_are_given_to_any_of_eight_autoencoders_no_more_often_than_asked_for(alpha) -> None:
    named = uncorrected = 0
    for _ in range(600):
        signals = dict(zip(NAMES, real_signals(1)[0], strict=True))
        evidence = weigh(reference(100), signals)
        named += decide(evidence, alpha).verdict in (FAMILY, SEVERAL)
        plain = [Evidence(e.autoencoder, e.signal, e.p_value, None) for e in evidence]
        uncorrected += decide(plain, alpha).verdict in (FAMILY, SEVERAL)
    # Three standard errors of a share over 600 images.
    assert named / 600 <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 600)
    assert uncorrected / 600 > 0.3


def test_real_images_that_are_tried_at_several_sizes_are_named_no_more_often_either() -> None:
    named = {tried: 0 for tried in (1, 3)}
    for _ in range(400):
        sizes = pd.DataFrame(real_signals(3), columns=NAMES)
        compared = reference(100)
        for tried in named:
            named[tried] += decide(weigh(compared, sizes.min().to_dict(), tried), 0.05).verdict in (FAMILY, SEVERAL)
    assert named[3] / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400) < named[1] / 400


def evidence(p_value: float, corrected: float | None) -> Evidence:
    return Evidence("a", 1.0, p_value, corrected)


@pytest.mark.parametrize(
    "weighed, obstacle, verdict, autoencoders",
    [
        ([evidence(0.5, 0.01), Evidence("b", 9.0, 0.01, 1.0)], None, FAMILY, ("a",)),
        ([evidence(0.5, 0.01), Evidence("b", 1.0, 0.2, 0.05)], None, SEVERAL, ("a", "b")),
        ([evidence(0.05, 1.0)], None, NONE, ()),
        ([evidence(0.05, 1.0)], "off the grid", CANNOT_SAY, ()),
        ([evidence(0.5, 0.06)], None, CANNOT_SAY, ()),
        ([evidence(0.5, None)], None, FAMILY, ("a",)),
        ([evidence(0.5, 0.01)], "off the grid", FAMILY, ("a",)),
        ([], "too small", CANNOT_SAY, ()),
        ([replace(evidence(0.5, 0.01), obstacle="too smooth")], None, CANNOT_SAY, ()),
        ([replace(evidence(0.5, 0.01), obstacle="too smooth"), Evidence("b", 1.0, 0.2, 0.05)], None, FAMILY, ("b",)),
    ],
)
def test_the_answer_follows_from_both_questions(weighed, obstacle, verdict, autoencoders) -> None:
    answer = decide(weighed, 0.05, obstacle)
    assert (answer.verdict, answer.autoencoders) == (verdict, autoencoders)
    assert (answer.reason is not None) == (verdict == CANNOT_SAY)


def test_a_real_image_without_a_signal_is_near_to_nothing() -> None:
    own = {"a": own_signals(50)}
    real = pd.DataFrame({"a": [np.nan] * 99})
    assert weigh(Reference("loss_ratio", own, real, {}, {}), {"a": 1.0})[0].corrected_p_value == 0.01
