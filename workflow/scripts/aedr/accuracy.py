"""Accuracy of every pair of an inspected autoencoder and a source, at thresholds fitted on belonging images."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from aedr.errors import UserError
from aedr.signals import SIGNALS
from aedr.thresholds import fit_threshold


def area_under_curve(belonging: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Return the area under the ROC curve of "a belonging image has the smaller signal", ties counting half."""
    own, other = np.asarray(belonging, dtype=float), np.asarray(others, dtype=float)
    ranks = rankdata(np.concatenate([own, other]))
    larger_than_own = ranks[len(own) :].sum() - len(other) * (len(other) + 1) / 2
    return float(larger_than_own / (len(own) * len(other)))


def fit_thresholds(signals: pd.DataFrame, alphas: Mapping[str, float], method: str) -> pd.DataFrame:
    """Fit the threshold of every autoencoder, metric and signal on its belonging images, as the paper does.

    Args:
        signals: rows of the signals table.
        alphas: significance level of each autoencoder.
        method: "exact" or "grid", see `aedr.thresholds.fit_threshold`.

    Returns:
        The thresholds table.
    """
    rows = []
    for (autoencoder, metric), group in signals.groupby(["autoencoder", "metric"], sort=True):
        for signal in SIGNALS:
            values = group.loc[group["belonging"], signal].dropna()
            alpha = alphas[autoencoder]
            try:
                threshold = fit_threshold(values.to_numpy(), alpha, method)
            except UserError as error:
                raise UserError(f"Autoencoder {autoencoder}, metric {metric}, {signal}: {error}") from None
            rows.append(
                {
                    "autoencoder": autoencoder,
                    "metric": metric,
                    "signal": signal,
                    "alpha": alpha,
                    "threshold": threshold,
                    "images": len(values),
                }
            )
    return pd.DataFrame(rows)


def evaluate_accuracy(signals: pd.DataFrame, thresholds: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy table: counts, rates and accuracy for every autoencoder, source, metric and signal.

    A belonging source's accuracy is the autoencoder's true-positive rate on it; any other source's is the mean of the
    true-positive rate on all belonging images and the true-negative rate on that source. Rates are over images that
    have the signal; the others are counted as unusable.
    """
    rows = []
    by_pair = dict(list(signals.groupby(["autoencoder", "metric"])))
    for threshold in thresholds.itertuples():
        group = by_pair[threshold.autoencoder, threshold.metric]
        own = group.loc[group["belonging"], threshold.signal].dropna().to_numpy()
        true_positive_rate = (own < threshold.threshold).mean()
        for source, images in group.groupby("source", sort=True):
            values = images[threshold.signal].dropna().to_numpy()
            if not len(values):
                reasons = "; ".join(sorted(set(images["reason"].dropna())))
                raise UserError(
                    f"Source {source} has no usable image for the autoencoder {threshold.autoencoder} ({reasons}). "
                    "Give it other images, or take it out."
                )
            belonging = bool(images["belonging"].iloc[0])
            rate = (values < threshold.threshold).mean()
            rows.append(
                {
                    "autoencoder": threshold.autoencoder,
                    "source": source,
                    "metric": threshold.metric,
                    "signal": threshold.signal,
                    "belonging": belonging,
                    "images": len(values),
                    "unusable": len(images) - len(values),
                    "accepted": int((values < threshold.threshold).sum()),
                    "acceptance_rate": rate,
                    "accuracy": rate if belonging else (true_positive_rate + 1 - rate) / 2,
                    "auc": None if belonging else area_under_curve(own, values),
                }
            )
    return pd.DataFrame(rows)


def summarise_accuracy(accuracy: pd.DataFrame, real_sources: set[str]) -> pd.DataFrame:
    """Return the mean accuracy of each autoencoder, metric and signal: against other models, and against real images.

    Belonging sources are left out of the means, as in the paper.
    """
    others = accuracy[~accuracy["belonging"]]
    kind = np.where(others["source"].isin(real_sources), "against_real_images", "against_other_models")
    means = others.assign(kind=kind).pivot_table(
        index=["metric", "signal", "autoencoder"], columns="kind", values="accuracy", aggfunc="mean"
    )
    return means.reset_index().rename_axis(columns=None)
