"""Signals of the second stage on tables that were worked out by hand."""

import numpy as np
import pytest

from aedr.denoisers.signals import log_ratios, z_scores

# Three models, three levels, two noises; at the second level all err alike.
ERRORS = np.array([[[(1, 3), (3, 3), (0, 0)], [(4, 4), (2, 4), (1, -1)], [(5, 7), (4, 2), (3, 3)]]], float)


def test_z_scores_are_the_published_ones() -> None:
    """Means over noises: 2 4 6, 3 3 3 and 0 0 3. Spreads over models: the roots of 8/3, 0 and 2."""
    first, third = 2 / (8 / 3) ** 0.5, 1 / 2**0.5
    expected = [(-first - third) / 3, -third / 3, (first + 2 * third) / 3]
    np.testing.assert_allclose(z_scores(ERRORS), [expected], rtol=1e-12)


def test_z_scores_of_an_image_do_not_depend_on_others_or_on_the_order_of_models() -> None:
    errors = np.random.default_rng(0).gamma(2, size=(4, 3, 5, 2))
    together = z_scores(errors)
    np.testing.assert_array_equal(z_scores(errors[2:3]), together[2:3])
    np.testing.assert_allclose(z_scores(errors[:, ::-1]), together[:, ::-1], rtol=1e-12)
    np.testing.assert_allclose(together.sum(1), 0, atol=1e-12)


def test_models_that_err_alike_are_told_apart_by_neither_signal() -> None:
    alike = np.full((2, 3, 4, 2), 0.7)
    np.testing.assert_allclose(z_scores(alike), 0, atol=1e-12)
    np.testing.assert_allclose(log_ratios(alike), 0, atol=1e-12)


def test_log_ratios_compare_with_the_mean_of_the_others_logarithms() -> None:
    logarithms = np.array([[0, 1, 2], [2, 1, 6]])[:, :, None, None] + np.array([0, 3])[:, None]
    found = log_ratios(np.exp(logarithms))
    np.testing.assert_allclose(found, [[-1.5, 0, 1.5], [-1.5, -3, 4.5]], atol=1e-12)
    # The mean over noises is that of the errors, the mean over levels that of their logarithms.
    assert log_ratios(np.array([[[(1, 3)], [(1, 1)]]], float))[0, 0] == pytest.approx(np.log(2))
    assert log_ratios(np.array([[[(1,), (np.e**2,)], [(1,), (1,)]]]))[0, 0] == pytest.approx(1)
