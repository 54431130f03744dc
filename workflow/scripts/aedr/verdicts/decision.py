"""Verdicts: which of the inspected autoencoders an image came out of, and how often such an answer is wrong.

Two questions are asked of every autoencoder, each answered by a conformal p-value, which is valid for any number of
images and any distribution as long as the image in question is exchangeable with the reference images (Vovk, Gammerman
and Shafer, Algorithmic Learning in a Random World, 2005):

* Could the image be the autoencoder's own? Its signal is ranked among the autoencoder's own reference images.
* Could a real image come so near? The image's distance to the autoencoder is ranked among the distances of the real
  reference images to whichever autoencoder is nearest to each. As each real image had its chance with all autoencoders,
  this p-value is corrected for their number (the single-step min-P method of Westfall and Young, 1993).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from aedr.verdicts.resizes import Size

FAMILY, SEVERAL, NONE, CANNOT_SAY = "family", "several possible", "none of these", "cannot say"
# Signals of which the logarithm, not the value, is spread alike on both sides.
RATIOS = ("loss_ratio", "calibrated_ratio", "power_ratio", "first_loss")


@dataclass(frozen=True)
class Evidence:
    """What one autoencoder says of an image.

    `p_value`: the share of own images that lie as far out; small speaks against the autoencoder.
    `corrected_p_value`: the share of real images that come so near to any autoencoder asked; small speaks for it. None
    without real reference images. `width` and `height` are what was reconstructed, `offset_rows` and `offset_columns`
    where the grid was found, if it was searched. `obstacle` says why nearness to the autoencoder would mean nothing for
    this image, `caveat` why the p-values hold less than they say.
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
    """The signals that a verdict compares with.

    `own`: each autoencoder's signals of its own images, on which nothing was fitted. `real`: signals of real images, a
    row for each image and a column for each autoencoder; nan where an image has none. `smoothest` and `sizes` are
    the highest homogeneity and the usual (width, height) of each autoencoder's own images.
    """

    signal: str
    own: Mapping[str, npt.NDArray[np.float64]]
    real: pd.DataFrame
    smoothest: Mapping[str, float]
    sizes: Mapping[str, set[Size]]

    def distance(self, autoencoder: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return how far signals lie above the middle of the own images', in their own (robust) spreads."""
        own, values = self._scale(self.own[autoencoder]), self._scale(values)
        middle = np.median(own)
        spread = np.median(np.abs(own - middle))
        return (values - middle) / (spread or 1.0)

    def nearest_distances(self) -> npt.NDArray[np.float64]:
        """Return each real image's distance to the autoencoder that is nearest to it."""
        distances = [self.distance(name, self.real[name].to_numpy()) for name in self.own]
        return np.nanmin(np.where(np.isnan(distances), np.inf, distances), axis=0)

    def _scale(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        values = np.asarray(values, dtype=float)
        return np.log(values) if self.signal in RATIOS else values


def conformal_p_value(reference: npt.ArrayLike, value: float) -> float:
    """Return the share of `reference` and the value itself that are as large as `value` or larger, in (0, 1]."""
    reference = np.asarray(reference, dtype=float)
    return float((1 + (reference >= value).sum()) / (len(reference) + 1))


def weigh(reference: Reference, signals: Mapping[str, float], tried: int = 1) -> tuple[Evidence, ...]:
    """Return the evidence of each autoencoder, given the image's signal under each, in that order.

    Args:
        tried: at how many sizes the image was tried, of which each autoencoder has its best: the chance that a real
            image comes so near is at most that many times as large (Bonferroni).
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

    An autoencoder is possible when the image could be its own (`p_value` above `alpha`), a real image would hardly
    come so near (`corrected_p_value` at most `alpha`), and nothing speaks against comparing the two (`obstacle`). A
    real image is given to any of them with a chance of at most `alpha`.

    Args:
        obstacle: why the image cannot be asked about at all, or why a denial would mean nothing; None if nothing does.
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
        reason = f"as near to {', '.join(names)} as its own images, but so are too many real images"
        return Verdict(CANNOT_SAY, (), reason, evidence)
    if obstacle is not None:
        return Verdict(CANNOT_SAY, (), obstacle, evidence)
    return Verdict(NONE, (), None, evidence)
