"""Intervals hold the accuracy that a threshold has on new images, as often as they say, in simulated studies."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, lognorm, norm

from aedr.scoring.accuracy import choose_alpha, choose_alphas, evaluate_accuracy, fit_thresholds
from aedr.scoring.intervals import mean_interval, share_interval
from aedr.scoring.signals import FITTING, HELD_OUT
from aedr.scoring.thresholds import thresholds_of_samples

OWN = {"normal": norm(1, 0.1), "skewed": lognorm(1)}
IMAGES = 40
STUDIES = 2000


def at_least(expected: float, studies: int) -> float:
    """Return the least share of covered studies that is within three standard errors of the expected share."""
    return expected - 3 * np.sqrt(expected * (1 - expected) / studies)


def test_the_interval_of_a_share_is_the_exact_one() -> None:
    for count in (0, 1, 17, 39, 40):
        expected = binomtest(count, 40).proportion_ci(method="exact")
        assert share_interval(count, 40) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_every_interval_has_a_width_and_holds_its_estimate() -> None:
    own, others = (counts.ravel() for counts in np.meshgrid(np.arange(21), np.arange(31)))
    low, high = mean_interval((own, 20), (others, 30))
    assert ((low >= 0) & (high <= 1) & (high - low > 0.05)).all()
    estimate = (own / 20 + others / 30) / 2
    assert ((low <= estimate) & (estimate <= high)).all()


@pytest.mark.parametrize("alpha", [0.01, 0.05])
@pytest.mark.parametrize("distribution", OWN.values(), ids=OWN)
def test_intervals_cover_the_accuracy_of_the_fitted_threshold_on_new_images(distribution, alpha) -> None:
    chance = np.random.default_rng(5)
    own = distribution.rvs((STUDIES, IMAGES), random_state=chance)
    thresholds = thresholds_of_samples(own, alpha)
    accepted = distribution.cdf(thresholds)
    counts = {
        "same_images": (own < thresholds[:, None]).sum(axis=1),
        "held out": chance.binomial(IMAGES, accepted),
    }
    for counted in counts.values():
        low, high = share_interval(counted, IMAGES)
        assert ((low <= accepted) & (accepted <= high)).mean() > at_least(0.95, STUDIES)
        # Others that overlap with half of the own images, with few, with almost none: the last are well separated.
        for overlap in (0.5, 0.1, 0.001):
            shift = distribution.ppf(1 - alpha) - distribution.ppf(overlap)
            rejected = 1 - distribution.cdf(thresholds - shift)
            accuracy = (accepted + rejected) / 2
            low, high = mean_interval((counted, IMAGES), (chance.binomial(IMAGES, rejected), IMAGES))
            assert ((low <= accuracy) & (accuracy <= high)).mean() > at_least(0.95, STUDIES)


def simulated_signals(studies: int, chance: np.random.Generator) -> pd.DataFrame:
    """Rows of the signals table, where every autoencoder is a study of its own with 40 + 40 images, half held out."""
    rows = [
        pd.DataFrame(
            {
                "autoencoder": f"{study:04}",
                "source": source,
                "image_id": [f"{source}/{i}" for i in range(IMAGES)],
                "first_loss": chance.normal(mean, 0.1, IMAGES),
                "belonging": source == "own",
                "split": np.repeat([FITTING, HELD_OUT], IMAGES // 2),
            }
        )
        for study in range(studies)
        for source, mean in (("own", 1.0), ("other", 1.3))
    ]
    return pd.concat(rows).assign(metric="l2", second_loss=np.nan, reason=None)


def test_the_accuracy_table_covers_by_either_protocol() -> None:
    studies = 150
    signals = simulated_signals(studies, np.random.default_rng(6))
    own = signals.loc[signals["belonging"], "first_loss"].to_numpy().reshape(studies, IMAGES)
    fits = [
        pd.DataFrame({"autoencoder": sorted(set(signals["autoencoder"])), "protocol": protocol, "threshold": fitted})
        for protocol, fitted in {
            "same_images": thresholds_of_samples(own, 0.05),
            "held_out": thresholds_of_samples(own[:, : IMAGES // 2], 0.05),
        }.items()
    ]
    thresholds = pd.concat(fits).assign(metric="l2", signal="first_loss", alpha=0.05)
    cells = evaluate_accuracy(signals, thresholds).merge(thresholds, on=["autoencoder", "protocol"])
    accepted, rejected = norm(1, 0.1).cdf(cells["threshold"]), 1 - norm(1.3, 0.1).cdf(cells["threshold"])
    accuracy = np.where(cells["belonging"], accepted, (accepted + rejected) / 2)
    covered = (cells["accuracy_low"] <= accuracy) & (accuracy <= cells["accuracy_high"])
    assert (covered.groupby([cells["protocol"], cells["belonging"]]).mean() > at_least(0.95, studies)).all()
    assert (cells["accuracy_high"] > cells["accuracy_low"]).all()


def test_a_chosen_level_is_chosen_again_in_every_resample() -> None:
    signals = simulated_signals(1, np.random.default_rng(7))
    fitted = fit_thresholds(signals, {"0000": "chosen"}, "exact").set_index("protocol")
    fixed = fit_thresholds(signals, {"0000": float(fitted["alpha"].iloc[0])}, "exact").set_index("protocol")
    assert (fitted["threshold"] == fixed["threshold"]).all()
    assert (fitted[["threshold_low", "threshold_high"]] != fixed[["threshold_low", "threshold_high"]]).any(axis=1).all()


def test_the_choice_of_many_samples_is_that_of_each() -> None:
    chance = np.random.default_rng(8)
    samples, others = chance.normal(1, 0.1, (20, 30)), {"near": np.full(30, 1.15), "far": np.full(40, 1.25)}
    # Others with a single value are equal to all of their resamples.
    chosen = choose_alphas(samples, others, "scott", "a test")
    assert len(set(chosen)) > 2
    assert list(chosen) == [choose_alpha(sample, others, "exact") for sample in samples]
