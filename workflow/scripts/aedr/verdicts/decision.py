"""Verdicts: which of the autoencoders decoded an image, and how often such an answer is wrong.

Two questions are asked about every autoencoder. Each is answered by a conformal p-value, which is valid for any number
of images and any distribution if the image is exchangeable with the reference images (Vovk, Gammerman and Shafer,
Algorithmic Learning in a Random World, 2005):

* Could the image be the autoencoder's own? Its signal is ranked among the autoencoder's own reference images.
* Could a real image come as near? The image's distance to the autoencoder is ranked among the distances of the real
  reference images, each to the autoencoder nearest to it. Each real image had its chance with all autoencoders, so this
  p-value is corrected for their number (the single-step min-P method of Westfall and Young, 1993).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from aedr.verdicts.resizes import Size

FAMILY, SEVERAL, NONE, CANNOT_SAY = "family", "several possible", "none of these", "cannot say"
# Signals whose logarithms, not values, spread equally to both sides.
RATIOS = ("loss_ratio", "calibrated_ratio", "power_ratio", "first_loss")


@dataclass(frozen=True)
class Evidence:
    """What one autoencoder says about an image.

    `p_value`: the share of own images that are as far out; small speaks against the autoencoder.
    `corrected_p_value`: the share of real images that come as near to any autoencoder asked; small speaks for it. None
    without real reference images. `width` and `height` are the size of the reconstruction, `offset_rows` and
    `offset_columns` where the grid was found, if it was searched. `obstacle` says why being near to the autoencoder
    means nothing for this image, `caveat` why the p-values may not hold.
    """

    autoencoder: str
    signal: float
    p_value: float
    corrected_p_value: float | None
    width: int | None = None
    height: int | None = None
    offset_rows: int | None = None
    offset_columns: int | None = None
    obstacle: str | None = None
    caveat: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The answer for one image: a family, several possible, none of these, or cannot say, with its reason."""

    verdict: str
    autoencoders: tuple[str, ...]
    reason: str | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Reference:
    """The signals that an image is compared with.

    `own`: each autoencoder's signals of its own images, on which nothing was fitted. `real`: signals of real images, a
    row for each image and a column for each autoencoder; nan if an image has none. `smoothest` and `sizes` are
    the highest homogeneity and the common (width, height) of each autoencoder's own images.
    """

    signal: str
    own: Mapping[str, npt.NDArray[np.float64]]
    real: pd.DataFrame
    smoothest: Mapping[str, float]
    sizes: Mapping[str, set[Size]]

    def distance(self, autoencoder: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return how far signals are above the own images' median, in units of their median absolute deviation."""
        own, values = self._scale(self.own[autoencoder]), self._scale(values)
        middle = np.median(own)
        spread = np.median(np.abs(own - middle))
        return (values - middle) / (spread or 1.0)

    def nearest_distances(self) -> npt.NDArray[np.float64]:
        """Return each real image's distance to the autoencoder nearest to it."""
        distances = [self.distance(name, self.real[name].to_numpy()) for name in self.own]
        return np.nanmin(np.where(np.isnan(distances), np.inf, distances), axis=0)

    def _scale(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        values = np.asarray(values, dtype=float)
        return np.log(values) if self.signal in RATIOS else values


def conformal_p_value(reference: npt.ArrayLike, value: float) -> float:
    """Return the share, in (0, 1], of `reference` and the value itself that is at least as large as `value`."""
    reference = np.asarray(reference, dtype=float)
    return float((1 + (reference >= value).sum()) / (len(reference) + 1))


def weigh(reference: Reference, signals: Mapping[str, float], tried: int = 1) -> tuple[Evidence, ...]:
    """Return the evidence of each autoencoder, given the image's signal under each, in that order.

    Args:
        tried: at how many sizes the image was tried. Each autoencoder has its best one, so the chance that a real image
            comes as near is at most that many times as large (Bonferroni).
    """
    nearest = reference.nearest_distances() if len(reference.real) else None
    evidence = []
    for autoencoder, value in signals.items():
        corrected = None
        if nearest is not None:
            real = conformal_p_value(-nearest, -float(reference.distance(autoencoder, value)))
            corrected = min(1.0, tried * real)
        p_value = conformal_p_value(reference.own[autoencoder], value)
        evidence.append(Evidence(autoencoder, value, p_value, corrected))
    return tuple(evidence)


def decide(evidence: Sequence[Evidence], alpha: float, obstacle: str | None = None) -> Verdict:
    """Return the verdict at the significance level `alpha`.

    An autoencoder is possible if the image could be its own (`p_value` above `alpha`), a real image would rarely come
    as near (`corrected_p_value` at most `alpha`), and nothing speaks against comparing the two (`obstacle`). The
    chance that a real image is attributed to any of them is at most `alpha`.

    Args:
        obstacle: why nothing can be said about the image, or why *none of these* would mean nothing; None if neither.
    """
    evidence = tuple(evidence)
    if not evidence:
        return Verdict(CANNOT_SAY, (), obstacle, evidence)
    near = [e for e in evidence if e.p_value > alpha]
    nearer_than_real = [e for e in near if e.corrected_p_value is None or e.corrected_p_value <= alpha]
    possible = [e for e in nearer_than_real if e.obstacle is None]
    if possible:
        caveats = "; ".join(dict.fromkeys(e.caveat for e in possible if e.caveat is not None))
        names = tuple(e.autoencoder for e in possible)
        return Verdict(FAMILY if len(possible) == 1 else SEVERAL, names, caveats or None, evidence)
    if nearer_than_real:
        return Verdict(CANNOT_SAY, (), "; ".join(str(e.obstacle) for e in nearer_than_real), evidence)
    if near:
        names = tuple(e.autoencoder for e in near)
        reason = f"as near to {', '.join(names)} as own images are, but so are too many real images"
        return Verdict(CANNOT_SAY, (), reason, evidence)
    if obstacle is not None:
        return Verdict(CANNOT_SAY, (), obstacle, evidence)
    return Verdict(NONE, (), None, evidence)
