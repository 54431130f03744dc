"""Accuracy for every pair of an autoencoder and a source, at thresholds fitted on the autoencoder's own images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from aedr.errors import UserError
from aedr.scoring.methods import PUBLISHED
from aedr.scoring.protocols import PROTOCOLS
from aedr.scoring.signals import FITTING, PUBLISHED_SIGNALS, signals_of
from aedr.scoring.thresholds import fit_threshold, resample_thresholds
from aedr.seeds import seed_of

RESAMPLES = 300
# Pages warn of an autoencoder that accepts this share of another source's images.
SHARE_TO_WARN_OF = 0.1
INTERVAL = (0.025, 0.975)
# Levels from the range that is reported as best for single models, 0.003 to 0.085, and one above it.
CHOICES = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.085, 0.1)


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


def choose_alpha(own: npt.NDArray[np.float64], others: Mapping[str, npt.NDArray[np.float64]], inversion: str) -> float:
    """Return the level from `CHOICES` with the best mean accuracy over the sources `others`; ties go to the largest.

    The published study picks its levels in the same way, on a validation set.
    """

    def mean_accuracy(alpha: float) -> float:
        threshold = fit_threshold(own, alpha, inversion)
        accepted = np.mean([(values < threshold).mean() for values in others.values() if len(values)])
        return round(float((own < threshold).mean() + 1 - accepted), 9)

    return max(CHOICES, key=lambda alpha: (mean_accuracy(alpha), alpha))


def fit_thresholds(
    signals: pd.DataFrame,
    alphas: Mapping[str, float | str],
    inversion: str,
    protocols: Sequence[str] = tuple(PROTOCOLS),
) -> pd.DataFrame:
    """Fit a threshold for every autoencoder, metric, signal and protocol, on the autoencoder's own images.

    A signal with fitted parameters has no threshold by the published protocol, which would score it on the images that
    it was fitted on.

    Args:
        signals: rows of the signals table.
        alphas: each autoencoder's significance level, or "chosen" for the most accurate one on the images to fit on.
        inversion: "exact" or "grid", see `aedr.scoring.thresholds.fit_threshold`.
        protocols: the keys of `PROTOCOLS` to fit for.

    Returns:
        The thresholds table, with a 95 % bootstrap interval of each threshold.
    """
    rows = []
    for (autoencoder, metric), group in signals.groupby(["autoencoder", "metric"], sort=True):
        for signal in signals_of(group):
            fitting = group[group["split"] == FITTING].dropna(subset=[signal])
            for protocol in protocols:
                if protocol == "published" and signal not in PUBLISHED_SIGNALS:
                    continue
                own = _values(group[group["belonging"]], signal, PROTOCOLS[protocol].fitted_on)
                try:
                    alpha = alphas[autoencoder]
                    if alpha == "chosen":
                        others = fitting[~fitting["belonging"]].groupby("source")[signal]
                        alpha = choose_alpha(
                            fitting.loc[fitting["belonging"], signal].to_numpy(),
                            {source: values.to_numpy() for source, values in others},
                            inversion,
                        )
                    threshold = fit_threshold(own, float(alpha), inversion)
                except UserError as error:
                    raise UserError(
                        f"Autoencoder {autoencoder}, metric {metric}, signal {signal}: {error}"
                        f"{_groups_in_words(group[group['belonging']])}"
                    ) from None
                resampled = resample_thresholds(own, float(alpha), _resamples(len(own), autoencoder, metric, signal))
                lowest, highest = np.quantile(resampled, INTERVAL)
                rows.append(
                    {
                        "autoencoder": autoencoder,
                        "metric": metric,
                        "signal": signal,
                        "protocol": protocol,
                        "alpha": float(alpha),
                        "threshold": threshold,
                        "threshold_low": lowest,
                        "threshold_high": highest,
                        "images": len(own),
                    }
                )
    return pd.DataFrame(rows)


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


def _resamples(size: int, *what: object) -> npt.NDArray[np.intp]:
    """Return the positions of `RESAMPLES` bootstrap resamples of `size` values; `what` determines the seed."""
    return np.random.default_rng(seed_of("bootstrap", *what)).integers(0, size, (RESAMPLES, size))


def _resampled_rates(
    values: npt.NDArray[np.float64], thresholds: npt.NDArray[np.float64], *what: object
) -> npt.NDArray[np.float64]:
    """Return, for each threshold, the share of a bootstrap resample of `values` below it; `what` determines the seed.

    The number of values below a threshold in a resample is binomial, so no resample needs to be drawn.
    """
    below = np.searchsorted(np.sort(values), thresholds) / len(values)
    return np.random.default_rng(seed_of("bootstrap", *what)).binomial(len(values), below) / len(values)


def evaluate_accuracy(
    signals: pd.DataFrame, thresholds: pd.DataFrame, fitted_signals: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the accuracy table: counts, rates, accuracy and its interval for every cell.

    A cell is a combination of autoencoder, source, metric, signal and protocol. On an own source, accuracy is the
    true-positive rate. On any other source, it is the mean of two rates: the true-positive rate on the scored own
    images, and the true-negative rate on that source. Rates are over images that have the signal; the others are
    counted as unusable. The interval (95 %, percentile bootstrap) resamples the images that the threshold was fitted
    on, the scored own images and the source's images.

    Args:
        fitted_signals: rows of the signals table that the thresholds were fitted on, if not `signals`.
    """
    rows = []
    by_pair = dict(list(signals.groupby(["autoencoder", "metric"])))
    fitted_by_pair = (
        by_pair if fitted_signals is None else dict(list(fitted_signals.groupby(["autoencoder", "metric"])))
    )
    for threshold in thresholds.itertuples():
        group = by_pair[threshold.autoencoder, threshold.metric]
        protocol = PROTOCOLS[threshold.protocol]
        scored = protocol.scored_on
        belonging = group[group["belonging"]]
        fitted = fitted_by_pair[threshold.autoencoder, threshold.metric]
        fitted = _values(fitted[fitted["belonging"]], threshold.signal, protocol.fitted_on)
        all_own = _values(belonging, threshold.signal, scored)
        if not len(all_own):
            raise _nothing_to_score(
                f"The autoencoder {threshold.autoencoder} has no usable image of its own", belonging, scored
            )
        names = (threshold.autoencoder, threshold.metric, threshold.signal)
        resamples = _resamples(len(fitted), *names)
        resampled_thresholds = resample_thresholds(fitted, threshold.alpha, resamples)
        if scored is None:
            # By the published protocol, the threshold was fitted on the scored own images: one resample serves both.
            rates_on_fitted = (fitted[resamples] < resampled_thresholds[:, None]).mean(axis=1)
        for source, images in group.groupby("source", sort=True):
            values = _values(images, threshold.signal, scored)
            if not len(values):
                what = f"Source {source} has no usable image for the autoencoder {threshold.autoencoder}"
                raise _nothing_to_score(what, images, scored)
            images = images if scored is None else images[images["split"] == scored]
            is_own = bool(images["belonging"].iloc[0])
            own = values if is_own else all_own
            if scored is None and not is_own:
                true_positive_rates = rates_on_fitted
            else:
                true_positive_rates = _resampled_rates(own, resampled_thresholds, *names, threshold.protocol)
            rate = (values < threshold.threshold).mean()
            if is_own:
                accuracy, accuracies = rate, true_positive_rates
            else:
                acceptance_rates = _resampled_rates(values, resampled_thresholds, *names, threshold.protocol, source)
                accuracy = ((own < threshold.threshold).mean() + 1 - rate) / 2
                accuracies = (true_positive_rates + 1 - acceptance_rates) / 2
            low, high = np.quantile(accuracies, INTERVAL)
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
                "acceptance_rate": rate,
                "accuracy": accuracy,
                "accuracy_low": low,
                "accuracy_high": high,
            }
            if not is_own:
                row["auc"] = area_under_curve(own, values)
                row["true_positive_rate_at_1_percent"] = true_positive_rate_at(0.01, own, values)
            rows.append(row)
    return pd.DataFrame(rows)


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
