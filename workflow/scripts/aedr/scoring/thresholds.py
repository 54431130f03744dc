"""Thresholds: the value of a signal below which an autoencoder accepts an image as its own."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import gaussian_kde

from aedr.errors import UserError

GRID_POINTS = 10_000
FEWEST_IMAGES = 3
BISECTIONS = 25
# Brent's method needs at most about the square of the steps that bisection needs: 53, one for each bit of a number.
MOST_STEPS = 53**2

Values = npt.NDArray[np.float64]


def silverman_bandwidth(values: Values) -> Values:
    """Return Silverman's rule of thumb along the last axis: 0.9 min(sd, IQR / 1.34) n^(-1/5).

    From Silverman, Density Estimation for Statistics and Data Analysis (1986), equation 3.31; R calls it `bw.nrd0`. The
    interquartile range ignores outliers. If it is zero to rounding, the standard deviation alone counts, as in R.
    """
    spread = values.std(axis=-1, ddof=1)
    lower, upper = np.quantile(values, (0.25, 0.75), axis=-1)
    has_range = upper - lower > np.finfo(float).eps * np.ptp(values, axis=-1)
    scale = np.where(has_range, np.minimum(spread, (upper - lower) / 1.34), spread)
    return 0.9 * scale * values.shape[-1] ** (-1 / 5)


def scott_bandwidth(values: Values) -> Values:
    """Return Scott's rule along the last axis as SciPy computes it and the published code uses it: sd n^(-1/5)."""
    return values.std(axis=-1, ddof=1) * values.shape[-1] ** (-1 / 5)


BANDWIDTHS = {"scott": scott_bandwidth, "robust": silverman_bandwidth}


def fit_density(signals: npt.ArrayLike, bandwidth: str = "scott") -> gaussian_kde:
    """Return the Gaussian kernel density estimate of own images' signals, shape (images,).

    Args:
        bandwidth: a key of `BANDWIDTHS`.

    Raises:
        UserError: there are too few signals, one is infinite, or all are equal, so that no density can be estimated.
    """
    values = _usable(signals)
    if bandwidth == "scott":
        return gaussian_kde(values)
    return gaussian_kde(values, bw_method=float(BANDWIDTHS[bandwidth](values) / values.std(ddof=1)))


def fit_threshold(
    signals: Sequence[float] | Values, alpha: float, inversion: str = "exact", bandwidth: str = "scott"
) -> float:
    """Return the (1 - alpha) quantile of the density estimate of own images' signals.

    Args:
        signals: one for each own image, shape (images,).
        alpha: significance level in (0, 1), the share of its own images that the autoencoder rejects.
        inversion: "exact" inverts the estimate's distribution function; "grid" sums the density over 10,000 points from
            min - sd to max + sd, as the published code does, unless kernels are narrower than the grid's step.
        bandwidth: a key of `BANDWIDTHS`.

    Raises:
        UserError: see `fit_density`.
    """
    values, exponent = _scaled(_usable(signals))
    density = fit_density(values, bandwidth)
    spread, width = values.std(ddof=1), float(np.sqrt(density.covariance[0, 0]))
    if inversion == "grid":
        grid = np.linspace(values.min() - spread, values.max() + spread, GRID_POINTS)
        if width > (grid[-1] - grid[0]) / (GRID_POINTS - 1):
            distribution = np.cumsum(density(grid))
            return float(np.ldexp(np.interp(1 - alpha, distribution / distribution[-1], grid), exponent))

    def excess(at: float) -> float:
        return float(density.integrate_box_1d(-np.inf, at) - (1 - alpha))

    # The quantile of the estimate lies between those of the lowest and of the highest image's kernels.
    quantile = -ndtri(alpha) * width
    lowest = min(values.min() - spread, values.min() + quantile)
    highest = max(values.max() + spread, values.max() + quantile)
    # Rounding may hide that, where all of the estimate lies within a few units in the last place.
    if excess(lowest) >= 0:
        threshold = lowest
    elif excess(highest) <= 0:
        threshold = highest
    else:
        threshold = brentq(excess, lowest, highest, xtol=1e-15, rtol=1e-15, maxiter=MOST_STEPS)
    return float(np.ldexp(threshold, exponent))


def thresholds_of_samples(
    samples: Values, alpha: float | Values, bandwidth: str = "scott", bisections: int = BISECTIONS
) -> Values:
    """Return the exact threshold of every sample of own images, found by bisection for all of them at once.

    Args:
        samples: signals, shape (samples, images); a sample may repeat images.
        alpha: one significance level, or one for each sample.
        bandwidth: a key of `BANDWIDTHS`.
        bisections: each one halves the error, which starts at the spread of the sample.
    """
    values, exponent = _scaled(samples)
    # If a sample repeats a single value, that value is its threshold.
    width = np.maximum(BANDWIDTHS[bandwidth](values), np.finfo(float).tiny)
    quantile = -ndtri(alpha) * width
    lowest, highest = values.min(axis=1) + quantile, values.max(axis=1) + quantile
    for _ in range(bisections):
        middle = (lowest + highest) / 2
        below = ndtr((middle[:, None] - values) / width[:, None]).mean(axis=1) < 1 - alpha
        lowest, highest = np.where(below, middle, lowest), np.where(below, highest, middle)
    return np.ldexp((lowest + highest) / 2, exponent)


def _usable(signals: npt.ArrayLike) -> Values:
    values = np.asarray(signals, dtype=float)
    if not np.isfinite(values).all():
        raise UserError("A threshold needs finite signals, and some are not. Remove these images.")
    if len(values) < FEWEST_IMAGES or values.min() == values.max():
        raise UserError(
            f"A threshold needs at least {FEWEST_IMAGES} own images with different signals, got {len(values)}. "
            "Raise images_per_source, and see the column `reason` of the images table."
        )
    return values


def _scaled(values: Values) -> tuple[Values, int]:
    """Return the values divided by a power of two, which is exact, and its exponent; the largest is then in [1, 2).

    Otherwise squares of huge or tiny values overflow or vanish.
    """
    exponent = int(np.frexp(np.abs(values).max())[1]) - 1
    return np.ldexp(values, -exponent), exponent
