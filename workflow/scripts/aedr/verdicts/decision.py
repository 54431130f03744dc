"""Verdicts: which of the autoencoders decoded an image, and how often such an answer is wrong.

Three questions are asked about every autoencoder. Each is answered by a conformal p-value, which is valid for any
number of images and any distribution if the image is exchangeable with the reference images (Vovk, Gammerman and
Shafer, Algorithmic Learning in a Random World, 2005):

* Could the image be the autoencoder's own? Its signal is ranked among the autoencoder's own reference images.
* Could a real image come as near to any of the autoencoders? See `aedr.verdicts.blocks`.
* Could an image of another source of the study come as near to any autoencoder that did not decode that source?
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from aedr.verdicts.blocks import Blocks
from aedr.verdicts.promise import Promise
from aedr.verdicts.resizes import Size

FAMILY, SEVERAL, NONE, CANNOT_SAY = "family", "several possible", "none of these", "cannot say"
# The real images, as one of the kinds of images that are not own.
REAL = "real images"
# Signals whose logarithms, not values, spread equally to both sides.
RATIOS = ("loss_ratio", "calibrated_ratio", "power_ratio", "capped_ratio", "first_loss")
# The share of own images within what is called their range, and the share of another source's images in this range
# from which on an autoencoder is held back: it could hardly be named anyway.
RANGE, MOST = 0.95, 0.5


def name_kind(kind: str) -> str:
    """Return what images of a kind, `REAL` or a source, are called in texts."""
    return kind if kind == REAL else f"images of {kind}"


@dataclass(frozen=True)
class Evidence:
    """What one autoencoder says about an image.

    `p_value`: the share of own images that are as far out; small speaks against the autoencoder.
    `corrected_p_value`: the share of real images that come as near to any autoencoder asked; small speaks for it. None
    without real reference images. `foreign`: the same for the images of every source that the autoencoder did not
    decode. `width` and `height` are the size of the reconstruction, `offset_rows` and `offset_columns` where the grid
    was found and `orientation` how the image was turned, if they were searched. `obstacle` says why being near to the
    autoencoder means nothing for this image, `caveat` why the p-values may not hold. `is_bounded`: the signal is at
    least this, which is farther out than every own image, and no more is known.
    """

    autoencoder: str
    signal: float
    p_value: float
    corrected_p_value: float | None
    foreign: Mapping[str, float] = field(default_factory=dict)
    width: int | None = None
    height: int | None = None
    offset_rows: int | None = None
    offset_columns: int | None = None
    orientation: int | None = None
    obstacle: str | None = None
    caveat: str | None = None
    is_bounded: bool = False

    @property
    def nearest_foreign(self) -> tuple[str, float] | None:
        """The other source that comes as near most often, with its p-value; None if no other source is asked."""
        return max(self.foreign.items(), key=lambda entry: entry[1]) if self.foreign else None


@dataclass(frozen=True)
class Verdict:
    """The answer for one image: a family, several possible, none of these, or cannot say, with its reason."""

    verdict: str
    autoencoders: tuple[str, ...]
    reason: str | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Reference:
    """The signals that an image is compared with, for verdicts that keep a `promise`.

    `own`: each autoencoder's signals of its own images, on which nothing was fitted. `others`: the signals of images of
    each other kind, `REAL` or a source, a row for each image and a column for each autoencoder that did not decode
    them; nan if an image has none. `textures` and `sizes` are the range of homogeneity and the common (width, height)
    of each autoencoder's own images. `warnings` say what the references cannot promise. `second`: the same by another
    metric, which must not contradict. `unmeasured`: for sources in a calibration that was merged from several studies,
    the autoencoders of other studies, under which the source's images were never measured.
    """

    signal: str
    promise: Promise
    own: Mapping[str, npt.NDArray[np.float64]]
    others: Mapping[str, pd.DataFrame]
    textures: Mapping[str, tuple[float, float]]
    sizes: Mapping[str, set[Size]]
    warnings: tuple[str, ...] = ()
    second: "Reference | None" = None
    unmeasured: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def distance(self, autoencoder: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return how far signals are above the own images' median, in units of their median absolute deviation."""
        own, values = self._scale(self.own[autoencoder]), self._scale(values)
        middle = np.median(own)
        spread = np.median(np.abs(own - middle))
        return (values - middle) / (spread or 1.0)

    @cached_property
    def blocks(self) -> dict[str, Blocks]:
        """The blocks of each kind of other images."""
        return {
            kind: Blocks(
                pd.DataFrame({name: self.distance(str(name), values.to_numpy()) for name, values in signals.items()}),
                frozenset(str(name) for name in signals if self._is_near_to_most(str(name), kind)),
            )
            for kind, signals in self.others.items()
        }

    @cached_property
    def shares_in_range(self) -> pd.DataFrame:
        """The share of each kind of other images (rows) that lie in the range of 95 % of own images; nan for own."""
        return pd.DataFrame(
            {
                name: {
                    kind: float((signals[name] <= np.quantile(own, RANGE)).mean()) if name in signals else np.nan
                    for kind, signals in self.others.items()
                }
                for name, own in self.own.items()
            },
            dtype=float,
        )

    def owners(self, kind: str) -> frozenset[str]:
        """Return the autoencoders, of those asked, that decoded a kind of images."""
        return frozenset(self.own) - set(self.others.get(kind, ())) - self.unmeasured.get(kind, frozenset())

    @cached_property
    def strangers(self) -> dict[str, frozenset[str]]:
        """For each autoencoder, the others that have own images which were not measured under it."""
        return {
            name: frozenset().union(*(self.owners(kind) for kind, under in self.unmeasured.items() if name in under))
            for name in self.own
        }

    def _is_near_to_most(self, autoencoder: str, kind: str) -> bool:
        # Judged on the other kinds alone: the blocks of a kind must not depend on what its own images look like.
        return bool(self.shares_in_range[autoencoder].drop(kind).mean() > MOST)

    def _scale(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        values = np.asarray(values, dtype=float)
        return np.log(values) if self.signal in RATIOS else values


def rank_from_above(reference: npt.ArrayLike, value: float) -> int:
    """Return the place of `value` among the largest of `reference` and itself, from 1; ties count against it."""
    return 1 + int((np.asarray(reference, dtype=float) >= value).sum())


def weigh(reference: Reference, signals: Mapping[str, float], tried: int = 1) -> tuple[Evidence, ...]:
    """Return the evidence of each autoencoder, given the image's signal under each, in that order.

    Args:
        tried: at how many sizes the image was tried. Each autoencoder has its best one, so the chance that another
            image comes as near is at most that many times as large (Bonferroni).
    """
    promise = reference.promise
    evidence = []
    for autoencoder, value in signals.items():
        own = reference.own[autoencoder]
        distance = float(reference.distance(autoencoder, value))
        others = {
            kind: min(1.0, tried * promise.p_value(blocks.rank(autoencoder, distance), blocks.images))
            for kind, blocks in reference.blocks.items()
            if autoencoder in reference.others[kind]
        }
        p_value = promise.p_value(rank_from_above(own, value), len(own))
        evidence.append(Evidence(autoencoder, value, p_value, others.pop(REAL, None), others))
    return tuple(evidence)


def decide(
    evidence: Sequence[Evidence],
    level: float,
    owners: Mapping[str, frozenset[str]] | None = None,
    obstacle: str | None = None,
    strangers: Mapping[str, frozenset[str]] | None = None,
) -> Verdict:
    """Return the verdict at the significance level `level`.

    An autoencoder is possible if the image could be its own (`p_value` above `level`), a real image would rarely come
    as near (`corrected_p_value` at most `level`), an image of any source that none of the possible autoencoders decoded
    would rarely come as near (`foreign`), and nothing speaks against comparing them (`obstacle`). The chance that a
    real image is attributed to any of them is at most `level`, and so is the chance that an image of any source of the
    study is attributed without naming the autoencoder that decoded it.

    Nobody knows how near an autoencoder's own images come to its strangers. So an autoencoder is possible only if the
    image is too far for an own image of each stranger, or the answer names the stranger too. An image is too far for
    its own autoencoder with a chance of at most `level`, so the chance that it is given to strangers alone is that too.

    Args:
        owners: the autoencoders that decoded each source in the evidence's `foreign`.
        obstacle: why nothing can be said about the image, or why *none of these* would mean nothing; None if neither.
        strangers: as in `Reference`.
    """
    evidence = tuple(evidence)
    if not evidence:
        return Verdict(CANNOT_SAY, (), obstacle, evidence)
    near = [e for e in evidence if e.p_value > level]
    nearer_than_real = [e for e in near if e.corrected_p_value is None or e.corrected_p_value <= level]
    comparable = [e for e in nearer_than_real if e.obstacle is None]
    possible, as_near, unknown = _told_apart(comparable, level, owners or {}, _near_strangers(near, strangers or {}))
    evidence = tuple(replace(e, obstacle=unknown.get(e.autoencoder, e.obstacle)) for e in evidence)
    if possible:
        names = tuple(e.autoencoder for e in possible)
        return Verdict(FAMILY if len(possible) == 1 else SEVERAL, names, _caveats(possible), evidence)
    if nearer_than_real:
        reasons = [str(e.obstacle) for e in nearer_than_real if e.obstacle is not None]
        if as_near:
            reasons.append(_as_near(comparable, f"images of {', '.join(as_near)}"))
        reasons += unknown.values()
        return Verdict(CANNOT_SAY, (), "; ".join(reasons), evidence)
    if near:
        return Verdict(CANNOT_SAY, (), _as_near(near, REAL), evidence)
    if obstacle is not None:
        return Verdict(CANNOT_SAY, (), obstacle, evidence)
    return Verdict(NONE, (), _caveats(evidence), evidence)


def contradicted(verdict: Verdict, other: Verdict, metrics: tuple[str, str], level: float) -> Verdict:
    """Return a verdict, or *cannot say* if the verdict by another metric contradicts it.

    An attribution is contradicted if the image is too far for an own image of an autoencoder that it names. *None of
    these* is contradicted by an attribution. This never makes a wrong answer of a right one, whatever the metrics are.

    Args:
        metrics: the names of the metrics of `verdict` and of `other`.
    """
    far = [e.autoencoder for e in other.evidence if e.autoencoder in verdict.autoencoders and e.p_value <= level]
    if far:
        reason = (
            f"the metrics disagree: by {metrics[0]} it is near to {', '.join(verdict.autoencoders)}, by {metrics[1]} "
            f"too far for an own image of {', '.join(far)}; a part of the image may have been changed"
        )
    elif verdict.verdict == NONE and other.autoencoders:
        reason = (
            f"the metrics disagree: by {metrics[0]} it is none of these, by {metrics[1]} it is near to "
            f"{', '.join(other.autoencoders)}"
        )
    else:
        return verdict
    return Verdict(CANNOT_SAY, (), reason, verdict.evidence)


def _caveats(evidence: Sequence[Evidence]) -> str | None:
    return "; ".join(dict.fromkeys(e.caveat for e in evidence if e.caveat is not None)) or None


def _near_strangers(near: Sequence[Evidence], strangers: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return, for each autoencoder that is near, its strangers that the image could be an own image of."""
    names = {e.autoencoder for e in near}
    return {name: strangers.get(name, frozenset()) & names for name in names}


def _told_apart(
    candidates: Sequence[Evidence],
    level: float,
    owners: Mapping[str, frozenset[str]],
    near_strangers: Mapping[str, frozenset[str]],
) -> tuple[Sequence[Evidence], Sequence[str], dict[str, str]]:
    """Return the candidates that no other source's images come as near to, the sources that excluded others, and why
    others were excluded by what was not measured.

    A source does not exclude a candidate while the autoencoder that decoded the source is itself a candidate: then the
    answer names both. So it is with a stranger.
    """
    sources: dict[str, None] = {}
    unknown: dict[str, str] = {}
    while True:
        names = {e.autoencoder for e in candidates}
        excluded = {
            e.autoencoder: [
                source for source, p in e.foreign.items() if p > level and not owners.get(source, frozenset()) & names
            ]
            for e in candidates
        }
        for name in names:
            if unnamed := ", ".join(sorted(near_strangers[name] - names)):
                unknown[name] = f"it may be an own image of {unnamed}, and these were not measured under {name}"
        kept = [e for e in candidates if not excluded[e.autoencoder] and e.autoencoder not in unknown]
        sources |= dict.fromkeys(source for found in excluded.values() for source in found)
        if len(kept) == len(candidates):
            return kept, list(sources), unknown
        candidates = kept


def _as_near(evidence: Sequence[Evidence], images: str) -> str:
    names = ", ".join(e.autoencoder for e in evidence)
    return f"as near to {names} as own images are, but so are too many {images}"
