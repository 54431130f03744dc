"""What a verdict promises about its errors, and the p-values that keep the promise."""

import math
from dataclasses import dataclass

from scipy.stats import beta


@dataclass(frozen=True)
class Promise:
    """The chance of an error is at most `level`.

    `confidence` is None if the promise is about the mean over calibrations: a single calibration of n images then has a
    chance of its own, distributed as Beta(k, n + 1 - k) with k = floor(level (n + 1)), which is above the level in up
    to half of all cases. Otherwise it is the share of calibrations whose own chance is at most the level: the region
    that is not rejected is a distribution-free tolerance region (Wilks, Annals of Mathematical Statistics, 1941).
    """

    level: float
    confidence: float | None = None

    def p_value(self, rank: int, images: int) -> float:
        """Return the p-value of the `rank`-th most extreme place, from 1 to `images` + 1, among `images` images.

        With a confidence, it is the upper confidence limit of the chance that an image of the same kind comes so far
        out; its distribution over calibrations is Beta(rank, images + 1 - rank).
        """
        if rank > images:
            return 1.0
        if self.confidence is None:
            return rank / (images + 1)
        return float(beta.ppf(self.confidence, rank, images + 1 - rank))

    @property
    def fewest_images(self) -> int:
        """How many images a group of references needs so that any p-value can reach the level."""
        if self.confidence is None:
            return math.ceil(round(1 / self.level, 9)) - 1
        return math.ceil(round(math.log1p(-self.confidence) / math.log1p(-self.level), 9))

    def __str__(self) -> str:
        return f"{self.level:g}" + (f" (confidence {self.confidence:g})" if self.confidence is not None else "")
