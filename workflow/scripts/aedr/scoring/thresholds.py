"""Thresholds: the value of a signal below which an autoencoder accepts an image as its own."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import gaussian_kde

from aedr.errors import UserError

GRID_POINTS = 10_000
FEWEST_IMAGES = 3
BISECTIONS = 25


def fit_density(signals: npt.ArrayLike) -> gaussian_kde:
    """Return the Gaussian kernel density estimate (Scott's rule) of own images' signals, shape (images,).

    Raises:
        UserError: there are too few signals, or all are equal, so that no density can be estimated.
    """
    values = np.asarray(signals, dtype=float)
    if len(values) < FEWEST_IMAGES or np.ptp(values) == 0:
        raise UserError(
            f"A threshold needs at least {FEWEST_IMAGES} own images with different signals, got {len(values)}. "
            "Raise images_per_source, and see the column `reason` of the images table."
        )
    return gaussian_kde(values)


def fit_threshold(signals: Sequence[float] | npt.NDArray[np.float64], alpha: float, inversion: str = "exact") -> float:
    """Return the (1 - alpha) quantile of the density estimate of own images' signals.

    Args:
        signals: one for each own image, shape (images,).
        alpha: significance level in (0, 1), the share of its own images that the autoencoder rejects.
        inversion: "exact" inverts the estimate's distribution function; "grid" sums the density over 10,000 points from
            min - sd to max + sd, as the published code does.
    """
    values = np.asarray(signals, dtype=float)
    density = fit_density(values)
    spread = values.std(ddof=1)
    if inversion == "grid":
        grid = np.linspace(values.min() - spread, values.max() + spread, GRID_POINTS)
        distribution = np.cumsum(density(grid))
        return float(np.interp(1 - alpha, distribution / distribution[-1], grid))
    lowest, highest = values.min() - spread, values.max() + spread
    while density.integrate_box_1d(-np.inf, lowest) > 1 - alpha:
        lowest -= spread
    while density.integrate_box_1d(-np.inf, highest) < 1 - alpha:
        highest += spread
    return float(
        brentq(lambda at: density.integrate_box_1d(-np.inf, at) - (1 - alpha), lowest, highest, xtol=1e-14, rtol=1e-14)
    )


def resample_thresholds(
    signals: npt.NDArray[np.float64], alpha: float, resamples: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Return the exact threshold of every bootstrap resample, found by bisection for all of them at once.

    Args:
        signals: one for each own image, shape (images,).
        resamples: positions in `signals`, shape (resamples, images).
    """
    values = signals[resamples]
    spread = values.std(axis=1, ddof=1, keepdims=True)
    # If a resample repeats a single value, that value is its threshold.
    bandwidth = np.maximum(spread * values.shape[1] ** (-1 / 5), np.finfo(float).tiny)
    lowest = values.min(axis=1, keepdims=True) - 9 * bandwidth
    highest = values.max(axis=1, keepdims=True) + 9 * bandwidth
    for _ in range(BISECTIONS):
        middle = (lowest + highest) / 2
        below = ndtr((middle - values) / bandwidth).mean(axis=1, keepdims=True) < 1 - alpha
        lowest, highest = np.where(below, middle, lowest), np.where(below, highest, middle)
    return ((lowest + highest) / 2)[:, 0]
