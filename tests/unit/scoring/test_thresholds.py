"""Thresholds: their properties, on numbers that can be followed by hand."""

import signal
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import norm

from aedr.errors import UserError
from aedr.scoring.thresholds import BANDWIDTHS, fit_density, fit_threshold, thresholds_of_samples
from scoring_tables import OWN

ONE_UP = np.nextafter(1, 2)
AWKWARD = {
    "a unit in the last place": [1, 1, ONE_UP],
    "one of many differs by it": [-1.0] * 30 + [-ONE_UP],
    "huge": [-1e306, 1e305, 1e306, 0],
    "subnormal": [0, 5e-324, 1e-323],
    "all scales": [1e-300] * 40 + [2e-300, 1, 1e300],
}


@pytest.fixture
def bounded() -> Iterator[None]:
    """Fail a test that hangs."""

    def fail(*_: object) -> None:
        raise TimeoutError("the search for a threshold does not end")

    usual = signal.signal(signal.SIGALRM, fail)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, usual)


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.5, 0.999])
def test_exact_threshold_inverts_the_distribution_function(alpha, bandwidth) -> None:
    threshold = fit_threshold(OWN, alpha, bandwidth=bandwidth)
    density = fit_density(OWN, bandwidth)
    assert density.integrate_box_1d(-np.inf, threshold) == pytest.approx(1 - alpha, abs=1e-12)


def test_grid_and_exact_threshold_agree_to_the_grids_width() -> None:
    assert fit_threshold(OWN, 0.05, "grid") == pytest.approx(fit_threshold(OWN, 0.05), abs=1e-3)
    assert fit_threshold(OWN, 0.05, "grid") != fit_threshold(OWN, 0.05)


@pytest.mark.parametrize("inversion", ["exact", "grid"])
@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_threshold_scales_with_the_signal_and_ignores_order(inversion, bandwidth) -> None:
    threshold = fit_threshold(OWN, 0.05, inversion, bandwidth)
    for exponent in (-1000, -30, 900):
        scaled = fit_threshold(np.ldexp(OWN, exponent), 0.05, inversion, bandwidth)
        assert np.ldexp(scaled, -exponent) == pytest.approx(threshold, rel=1e-14)
    assert fit_threshold(OWN[::-1], 0.05, inversion, bandwidth) == pytest.approx(threshold)


@pytest.mark.parametrize("inversion", ["exact", "grid"])
@pytest.mark.parametrize("values", AWKWARD.values(), ids=AWKWARD)
def test_every_finite_signal_has_a_threshold_soon(values, inversion, bounded) -> None:
    reach = 40 * np.ptp(values)  # 1 - 1e-300 is the quantile at 37 standard deviations
    for bandwidth in BANDWIDTHS:
        for alpha in (1e-300, 0.003, 0.05, 0.5, 0.999):
            threshold = fit_threshold(values, alpha, inversion, bandwidth)
            assert min(values) - reach <= threshold <= max(values) + reach
            sampled = thresholds_of_samples(np.array([values, values]), alpha, bandwidth)
            assert np.isfinite(sampled).all()


def test_one_outlier_hardly_moves_the_robust_threshold() -> None:
    near_one = norm(1, 0.05).ppf((np.arange(70) + 0.5) / 70)
    moved = {
        name: fit_threshold([*near_one, 10], 0.05, bandwidth=name) - fit_threshold(near_one, 0.05, bandwidth=name)
        for name in BANDWIDTHS
    }
    # Without kernels, one image more moves the 95 % quantile to the next image, by about a fifth of the deviation.
    assert 0 < moved["robust"] < 0.01 < 0.5 < moved["scott"]


def test_the_robust_rule_is_narrower_than_scotts_by_a_tenth_where_signals_are_normal() -> None:
    quantiles = norm.ppf((np.arange(10_000) + 0.5) / 10_000)
    assert BANDWIDTHS["robust"](quantiles) / BANDWIDTHS["scott"](quantiles) == pytest.approx(0.9, abs=0.01)
    # Where the middle half of the images are equal, there is only the deviation.
    assert BANDWIDTHS["robust"](np.array([1.0] * 9 + [2])) > 0


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [1.0] * 50])
def test_no_density_without_different_images(values) -> None:
    with pytest.raises(UserError, match="own images"):
        fit_threshold(values, 0.05)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_no_density_of_what_is_not_finite(value) -> None:
    with pytest.raises(UserError, match="finite"):
        fit_threshold([1.0, 2.0, 3.0, value], 0.05)


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_thresholds_of_samples_are_those_of_each(bandwidth) -> None:
    samples = np.random.default_rng(1).choice(OWN, (5, len(OWN)))
    levels = np.array([0.003, 0.01, 0.05, 0.5, 0.9])
    expected = [
        fit_threshold(sample, alpha, bandwidth=bandwidth) for sample, alpha in zip(samples, levels, strict=True)
    ]
    assert thresholds_of_samples(samples, levels, bandwidth) == pytest.approx(expected, abs=1e-6)
