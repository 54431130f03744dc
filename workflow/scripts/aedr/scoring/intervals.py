"""Intervals (95 %) of shares, and of the mean of two shares, from counts."""

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

LEVEL = 0.95

Interval = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def share_interval(counts: npt.ArrayLike, images: npt.ArrayLike) -> Interval:
    """Return the exact interval of the share that `counts` of `images` estimates (Clopper and Pearson, 1934).

    Where `counts` own images lie below a threshold fitted on these very images, the interval is also one of the share
    of new own images that it accepts. Such a threshold lies between the values of rank k and k + 1 of n, k being
    `counts`, and the share of new values below the one of rank k has the Beta(k, n + 1 - k) distribution (Wilks 1941).
    The lower limit is a quantile of this distribution, and the upper one of that of rank k + 1.
    """
    below, total = np.broadcast_arrays(np.asarray(counts, dtype=float), np.asarray(images, dtype=float))
    tail = (1 - LEVEL) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(below > 0, beta.ppf(tail, below, total - below + 1), 0.0)
        high = np.where(below < total, beta.ppf(1 - tail, below + 1, total - below), 1.0)
    return low, high


def mean_interval(first: tuple[npt.ArrayLike, npt.ArrayLike], second: tuple[npt.ArrayLike, npt.ArrayLike]) -> Interval:
    """Return the ends of an interval of the mean of two shares, each given as counts and images.

    The distances from the estimate to the limits of both shares' intervals are added as squares ("square and add",
    Newcombe 1998, Statistics in Medicine 17:873, there for a difference; Zou and Donner 2008 for sums). So it has a
    width at 0 and at 1, too.
    """
    shares = [np.asarray(counts, dtype=float) / np.asarray(images, dtype=float) for counts, images in (first, second)]
    (first_low, first_high), (second_low, second_high) = share_interval(*first), share_interval(*second)
    middle = (shares[0] + shares[1]) / 2
    low = middle - np.hypot(shares[0] - first_low, shares[1] - second_low) / 2
    high = middle + np.hypot(first_high - shares[0], second_high - shares[1]) / 2
    return low, high
