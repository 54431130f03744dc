"""Scores of the second stage on tables that were worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from aedr.denoisers.signals import log_errors, z_scores
from aedr.verdicts.models import mean_errors

# Three models, three levels, two noises; at the second level all err alike.
BY_NOISE = np.array([[[(1, 3), (3, 3), (0, 0)], [(4, 4), (2, 4), (1, -1)], [(5, 7), (4, 2), (3, 3)]]], float)
ERRORS = BY_NOISE.mean(-1)


def test_z_scores_are_the_published_ones() -> None:
    """Means over noises: 2 4 6, 3 3 3 and 0 0 3. Spreads over models: the roots of 8/3, 0 and 2."""
    first, third = 2 / (8 / 3) ** 0.5, 1 / 2**0.5
    expected = [(-first - third) / 3, -third / 3, (first + 2 * third) / 3]
    np.testing.assert_allclose(z_scores(ERRORS), [expected], rtol=1e-12)


def test_noises_are_averaged_before_anything_else_as_published() -> None:
    rows = [
        {"image_id": "a", "source": "s", "model": f"m{model}", "level": level, "noise": noise, "error": error}
        for model, by_level in enumerate(BY_NOISE[0])
        for level, by_noise in zip((0.3, 0.1, 0.2), by_level, strict=True)
        for noise, error in enumerate(by_noise)
    ]
    means = mean_errors(pd.DataFrame(rows[::-1]), [0.3, 0.1, 0.2])
    np.testing.assert_array_equal(means.to_numpy(), ERRORS[0])


def test_z_scores_of_an_image_do_not_depend_on_others_or_on_the_order_of_models() -> None:
    errors = np.random.default_rng(0).gamma(2, size=(4, 3, 5))
    together = z_scores(errors)
    np.testing.assert_array_equal(z_scores(errors[2:3]), together[2:3])
    np.testing.assert_allclose(z_scores(errors[:, ::-1]), together[:, ::-1], rtol=1e-12)
    np.testing.assert_allclose(together.sum(1), 0, atol=1e-12)


def test_a_unit_of_errors_changes_neither_score_s_differences() -> None:
    """So it does not matter whether the error of the noise or of a velocity is taken: a level decides their ratio."""
    errors = np.random.default_rng(0).gamma(2, size=(4, 3, 5))
    units = np.array([0.5, 2, 3, 7, 0.1])
    np.testing.assert_allclose(z_scores(errors * units), z_scores(errors), rtol=1e-12)
    np.testing.assert_allclose(np.ptp(log_errors(errors * units) - log_errors(errors), axis=1), 0, atol=1e-12)


def test_the_mean_over_levels_is_that_of_the_logarithms() -> None:
    assert log_errors(np.array([[[1.0, np.e**2]]])) == pytest.approx(1)
