"""Thresholds: their properties, on numbers that can be followed by hand."""

import numpy as np
import pytest

from aedr.errors import UserError
from aedr.scoring.thresholds import fit_density, fit_threshold, resample_thresholds
from scoring_tables import OWN


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.5, 0.999])
def test_exact_threshold_inverts_the_distribution_function(alpha) -> None:
    threshold = fit_threshold(OWN, alpha)
    assert fit_density(OWN).integrate_box_1d(-np.inf, threshold) == pytest.approx(1 - alpha, abs=1e-12)


def test_grid_and_exact_threshold_agree_to_the_grids_width() -> None:
    assert fit_threshold(OWN, 0.05, "grid") == pytest.approx(fit_threshold(OWN, 0.05), abs=1e-3)
    assert fit_threshold(OWN, 0.05, "grid") != fit_threshold(OWN, 0.05)


def test_threshold_scales_with_the_signal_and_ignores_order() -> None:
    threshold = fit_threshold(OWN, 0.05)
    assert fit_threshold(3 * OWN, 0.05) == pytest.approx(3 * threshold)
    assert fit_threshold(OWN[::-1], 0.05) == pytest.approx(threshold)


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [1.0] * 50])
def test_no_density_without_different_images(values) -> None:
    with pytest.raises(UserError, match="own images"):
        fit_threshold(values, 0.05)


def test_resampled_thresholds_are_the_thresholds_of_the_resamples() -> None:
    resamples = np.random.default_rng(1).integers(0, len(OWN), (5, len(OWN)))
    expected = [fit_threshold(OWN[positions], 0.05) for positions in resamples]
    assert resample_thresholds(OWN, 0.05, resamples) == pytest.approx(expected, abs=1e-6)
