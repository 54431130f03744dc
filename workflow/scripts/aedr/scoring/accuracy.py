"""Accuracy for every pair of an autoencoder and a source, at thresholds fitted on the autoencoder's own images."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from aedr.errors import UserError
from aedr.scoring.intervals import mean_interval, share_interval
from aedr.scoring.methods import PUBLISHED
from aedr.scoring.protocols import PROTOCOLS
from aedr.scoring.signals import FITTING, HELD_OUT, PUBLISHED_SIGNALS, signals_of
from aedr.scoring.thresholds import fit_threshold, thresholds_of_samples
from aedr.seeds import seed_of

RESAMPLES = 300
# Pages warn of an autoencoder that accepts this share of another source's images.
SHARE_TO_WARN_OF = 0.1
INTERVAL = (0.025, 0.975)
# Levels from the range that is reported as best for single models, 0.003 to 0.085, and one above it.
CHOICES = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.085, 0.1)
# To choose among these, a threshold need only be exact to a few thousandths of the spread of the signals.
ROUGHLY = 12


def area_under_curve(own: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Return the area under the ROC curve, where smaller signals mean own images. Ties count half."""
    own_values, other = np.asarray(own, dtype=float), np.asarray(others, dtype=float)
    ranks = rankdata(np.concatenate([own_values, other]))
    larger_than_own = ranks[len(own_values) :].sum() - len(other) * (len(other) + 1) / 2
    return float(larger_than_own / (len(own_values) * len(other)))


def true_positive_rate_at(false_positive_rate: float, own: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Return the largest share of own images that a threshold accepts at no more than this false-positive rate.

    If there are fewer than 1 / `false_positive_rate` other images, the threshold may accept none of them.
    """
    other = np.sort(np.asarray(others, dtype=float))
    allowed = int(np.floor(false_positive_rate * len(other) + 1e-9))
    return float((np.asarray(own, dtype=float) < other[allowed]).mean()) if allowed < len(other) else 1.0


def choose_alpha(
    own: npt.NDArray[np.float64],
    others: Mapping[str, npt.NDArray[np.float64]],
    inversion: str,
    bandwidth: str = "scott",
) -> float:
    """Return the level from `CHOICES` with the best mean accuracy over the sources `others`; ties go to the largest.

    The paper picks its levels in the same way, on the images that are not scored.
    """

    def mean_accuracy(alpha: float) -> float:
        threshold = fit_threshold(own, alpha, inversion, bandwidth)
        accepted = np.mean([(values < threshold).mean() for values in others.values() if len(values)])
        return round(float((own < threshold).mean() + 1 - accepted), 9)

    return max(CHOICES, key=lambda alpha: (mean_accuracy(alpha), alpha))


def choose_alphas(
    samples: npt.NDArray[np.float64], others: Mapping[str, npt.NDArray[np.float64]], bandwidth: str, *what: object
) -> npt.NDArray[np.float64]:
    """Return the level that is chosen (see `choose_alpha`) for each bootstrap sample of own images.

    Args:
        samples: signals of own images, shape (samples, images).
        others: signals of each other source, which are resampled here.
        what: determines the seed.
    """
    chance = np.random.default_rng(seed_of("bootstrap", *what))
    # Ties go to the first, so the largest level comes first, and the thresholds ascend.
    levels = np.array(sorted(CHOICES, reverse=True))
    thresholds = np.stack([thresholds_of_samples(samples, alpha, bandwidth, ROUGHLY) for alpha in levels], axis=1)
    # Bisection may leave two equal ones in the wrong order.
    thresholds = np.maximum.accumulate(thresholds, axis=1)
    accuracy = np.stack([(samples < column[:, None]).mean(axis=1) for column in thresholds.T], axis=1)
    usable = [np.sort(values) for values in others.values() if len(values)]
    for values in usable:
        # The numbers of resampled images between neighbouring thresholds are multinomial: no resample need be drawn.
        below = np.searchsorted(values, thresholds) / len(values)
        between = np.diff(below, axis=1, prepend=0, append=1)
        counts = chance.multinomial(len(values), between).cumsum(axis=1)[:, :-1]
        accuracy -= counts / len(values) / len(usable)
    return levels[np.argmax(accuracy.round(9), axis=1)]


def fit_thresholds(
    signals: pd.DataFrame,
    alphas: Mapping[str, float | str],
    inversion: str,
    protocols: Sequence[str] = tuple(PROTOCOLS),
    bandwidth: str = "scott",
) -> pd.DataFrame:
    """Fit a threshold for every autoencoder, metric, signal and protocol, on the autoencoder's own images.

    A signal with fitted parameters has no threshold by the protocol `same_images`, which would score it on the images
    that it was fitted on.

    Args:
        signals: rows of the signals table.
        alphas: each autoencoder's significance level, or "chosen" for the most accurate one on the images to fit on.
        inversion: "exact" or "grid", see `aedr.scoring.thresholds.fit_threshold`.
        protocols: the keys of `PROTOCOLS` to fit for.
        bandwidth: a key of `aedr.scoring.thresholds.BANDWIDTHS`.

    Returns:
        The thresholds table. The interval of a threshold (95 %, percentile bootstrap) is of what fitting gives on
        average: own images are resampled, and a chosen level is chosen again. Parameters of signals are not fitted
        again. With few images it is too narrow, see docs/method.md.
    """
    rows = []
    for (autoencoder, metric), group in signals.groupby(["autoencoder", "metric"], sort=True):
        for signal in signals_of(group):
            names = {"autoencoder": autoencoder, "metric": metric, "signal": signal}
            wanted = [name for name in protocols if name != "same_images" or signal in PUBLISHED_SIGNALS]
            try:
                fits = _fit_signal(
                    group, signal, alphas[str(autoencoder)], inversion, bandwidth, wanted, names.values()
                )
            except UserError as error:
                raise UserError(
                    f"Autoencoder {autoencoder}, metric {metric}, signal {signal}: {error}"
                    f"{_groups_in_words(group[group['belonging']])}"
                ) from None
            rows += [names | fit for fit in fits]
    return pd.DataFrame(rows)


def _fit_signal(
    rows: pd.DataFrame,
    signal: str,
    alpha: float | str,
    inversion: str,
    bandwidth: str,
    protocols: Sequence[str],
    names: Iterable[object],
) -> list[dict[str, Any]]:
    """Return the rest of the thresholds table's rows for one signal; `names` determines the resamples."""
    usable = rows.dropna(subset=[signal])
    belonging, fitting = usable["belonging"], usable["split"] == FITTING
    own = usable[belonging]
    infinite = own.loc[np.isinf(own[signal]), "image_id"]
    if len(infinite):
        raise UserError(f"The signal of {', '.join(infinite[:3])} is not finite. Remove these images.")
    parts = {
        FITTING: usable.loc[belonging & fitting, signal].to_numpy(dtype=float),
        HELD_OUT: usable.loc[belonging & ~fitting, signal].to_numpy(dtype=float),
    }
    samples = {part: _resample(values, *names, part) for part, values in parts.items()}
    level: float | npt.NDArray[np.float64]
    if alpha == "chosen":
        by_source = usable[~belonging & fitting].groupby("source")[signal]
        others = {str(source): values.to_numpy(dtype=float) for source, values in by_source}
        alpha = choose_alpha(parts[FITTING], others, inversion, bandwidth)
        level = choose_alphas(samples[FITTING], others, bandwidth, *names)
    else:
        level = float(alpha)
    fits = []
    for protocol in protocols:
        values = _values(own, signal, PROTOCOLS[protocol].fitted_on)
        threshold = fit_threshold(values, float(alpha), inversion, bandwidth)
        # Of all images, each part is resampled by itself, because a level is chosen on one part alone.
        drawn = np.hstack([*samples.values()]) if PROTOCOLS[protocol].fitted_on is None else samples[FITTING]
        low, high = np.quantile(thresholds_of_samples(drawn, level, bandwidth), INTERVAL)
        fits.append(
            {
                "protocol": protocol,
                "alpha": float(alpha),
                "threshold": threshold,
                "threshold_low": low,
                "threshold_high": high,
                "images": len(values),
            }
        )
    return fits


def _values(rows: pd.DataFrame, signal: str, part: str | None) -> npt.NDArray[np.float64]:
    """Return a signal's values for the images in one part of the study, or in all of it if `part` is None."""
    rows = rows if part is None else rows[rows["split"] == part]
    return rows[signal].dropna().to_numpy(dtype=float)


def _groups_in_words(images: pd.DataFrame) -> str:
    """Return a sentence on the groups that images are in, to end a message; nothing if each stands for itself."""
    count, groups = images["image_id"].nunique(), images["group"].nunique()
    if groups == count:
        return ""
    return (
        f" Groups (key `group`) of its {count} images: {groups}, each fitted on or held out as a whole. Give it more "
        "groups."
    )


def _nothing_to_score(what: str, images: pd.DataFrame, part: str | None) -> UserError:
    """Return the error that none of `images` in a part of the study has a signal; `what` names them."""
    unusable = images if part is None else images[images["split"] == part]
    reasons = "; ".join(sorted(set(unusable["reason"].dropna()))) or "too few images to split into two parts"
    return UserError(f"{what} ({reasons}). Give it different or more images, or remove it.{_groups_in_words(images)}")


def _resample(values: npt.NDArray[np.float64], *what: object) -> npt.NDArray[np.float64]:
    """Return `RESAMPLES` bootstrap samples, shape (samples, values); `what` determines the seed."""
    places = np.random.default_rng(seed_of("bootstrap", *what)).integers(0, len(values), (RESAMPLES, len(values)))
    return values[places]


def evaluate_accuracy(signals: pd.DataFrame, thresholds: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy table: counts, rates, accuracy and its interval for every cell.

    A cell is a combination of autoencoder, source, metric, signal and protocol. On an own source, accuracy is the
    true-positive rate. On any other source, it is the mean of two rates: the true-positive rate on the scored own
    images, and the true-negative rate on that source. Rates are over images that have the signal; the others are
    counted as unusable.

    The interval (95 %) is of the accuracy that this very threshold has on new images of the same sources, by either
    protocol: it follows from the counts (`aedr.scoring.intervals`), and no threshold is fitted again.
    """
    rows = []
    by_pair = dict(list(signals.groupby(["autoencoder", "metric"])))
    for threshold in thresholds.itertuples():
        group = by_pair[threshold.autoencoder, threshold.metric]
        scored = PROTOCOLS[threshold.protocol].scored_on
        belonging = group[group["belonging"]]
        all_own = _values(belonging, threshold.signal, scored)
        if not len(all_own):
            raise _nothing_to_score(
                f"The autoencoder {threshold.autoencoder} has no usable image of its own", belonging, scored
            )
        for source, images in group.groupby("source", sort=True):
            values = _values(images, threshold.signal, scored)
            if not len(values):
                what = f"Source {source} has no usable image for the autoencoder {threshold.autoencoder}"
                raise _nothing_to_score(what, images, scored)
            images = images if scored is None else images[images["split"] == scored]
            is_own = bool(images["belonging"].iloc[0])
            own = values if is_own else all_own
            rate, own_rate = (values < threshold.threshold).mean(), (own < threshold.threshold).mean()
            row: dict[str, Any] = {
                "autoencoder": threshold.autoencoder,
                "source": source,
                "metric": threshold.metric,
                "signal": threshold.signal,
                "protocol": threshold.protocol,
                "belonging": is_own,
                "images": len(values),
                "own_images": len(own),
                "unusable": len(images) - len(values),
                "accepted": int((values < threshold.threshold).sum()),
                "own_accepted": int((own < threshold.threshold).sum()),
                "acceptance_rate": rate,
                "accuracy": rate if is_own else (own_rate + 1 - rate) / 2,
            }
            if not is_own:
                row["auc"] = area_under_curve(own, values)
                row["true_positive_rate_at_1_percent"] = true_positive_rate_at(0.01, own, values)
            rows.append(row)
    return _with_intervals(pd.DataFrame(rows))


def _with_intervals(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with the ends of their accuracies' intervals, and without `own_accepted`."""
    rejected = cells["images"] - cells["accepted"]
    of_share = share_interval(cells["accepted"], cells["images"])
    of_mean = mean_interval((cells["own_accepted"], cells["own_images"]), (rejected, cells["images"]))
    low, high = (np.where(cells["belonging"], *ends) for ends in zip(of_share, of_mean, strict=True))
    return cells.assign(accuracy_low=low, accuracy_high=high).drop(columns="own_accepted")


def summarise_accuracy(accuracy: pd.DataFrame, real_sources: set[str]) -> pd.DataFrame:
    """Return mean accuracies by autoencoder, metric, signal and protocol, against other models and against real images.

    Own sources are left out of the means, as in the paper.
    """
    others = accuracy[~accuracy["belonging"]]
    kind = np.where(others["source"].isin(real_sources), "against_real_images", "against_other_models")
    means = others.assign(kind=kind).pivot_table(
        index=["protocol", "metric", "signal", "autoencoder"], columns="kind", values="accuracy", aggfunc="mean"
    )
    return means.reset_index().rename_axis(columns=None)


def compare_signals(accuracy: pd.DataFrame, metric: str, signal: str) -> pd.DataFrame:
    """Return the scores of AEDR as published, the verdict's signal and the best signal, by autoencoder and source.

    Scores are on held-out images. The best signal is picked by its area under the curve on these same images, so its
    scores are too good.
    """
    cells = accuracy[(accuracy["protocol"] == "held_out") & ~accuracy["belonging"]]
    key = ["autoencoder", "source"]

    def columns(chosen: pd.DataFrame, name: str) -> pd.DataFrame:
        return chosen.set_index(key)[["accuracy", "auc"]].add_prefix(f"{name}_")

    published, verdict = (
        cells[(cells["metric"] == of_metric) & (cells["signal"] == of_signal)]
        for of_metric, of_signal in (PUBLISHED, (metric, signal))
    )
    best = cells.sort_values(["auc", "accuracy"], ascending=False, kind="stable").drop_duplicates(key)
    named = best.set_index(key)[["metric", "signal"]].add_prefix("best_")
    chosen = columns(published, "published"), columns(verdict, "verdict"), columns(best, "best"), named
    return pd.concat(chosen, axis=1).rename_axis(key).sort_index().reset_index()
