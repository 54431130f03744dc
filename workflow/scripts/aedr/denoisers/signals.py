"""Signals of the second stage: how much better a model's denoiser knows an image than those of the other models.

Errors are averaged over noises, as published: shape (images, models, levels). Scores have the shape (images, models).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Errors = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float64]
# Fitting a bias ends when no model's changes any more, or after so many rounds.
ROUNDS = 10


def z_scores(errors: Errors) -> Scores:
    """Return the published scores, small for the model that made the image.

    The errors of each level are centred and scaled over the models, then averaged over levels (DNA, arXiv 2607.13685;
    Evaluate_Accuracy.py). Where all models err alike, nothing is scaled.
    """
    spread = errors.std(1, keepdims=True)
    return ((errors - errors.mean(1, keepdims=True)) / np.where(spread < 1e-15, 1, spread)).mean(-1)


def log_errors(errors: Errors) -> Scores:
    """Return the logarithm of each model's error, averaged over levels.

    Unlike z-scores, differences of these say how much better a model is, whatever the other models are.
    """
    return np.log(errors).mean(-1)


SCORES: dict[str, Callable[[Errors], Scores]] = {"z_score": z_scores, "log_error": log_errors}


def margins(scores: Scores) -> Scores:
    """Return each model's score minus the smallest score of the other models: below 0 for the best model alone."""
    columns = range(scores.shape[1])
    return np.stack([scores[:, at] - np.delete(scores, at, axis=1).min(1) for at in columns], axis=1)


def fit_bias(scores: Scores, made_by: npt.NDArray[np.int64]) -> Scores:
    """Return a bias for each model that, taken from its scores, lets the smallest score be right most often.

    All models' images count alike. The first model's bias is 0, and of equally good ones the smallest is taken. As
    published, a bias is fitted on images of known models; how, is not published.

    Args:
        made_by: the column of the model that made each image.
    """
    bias = np.zeros(scores.shape[1])
    for _ in range(ROUNDS):
        before = bias.copy()
        for model in range(1, len(bias)):
            others = np.delete(scores - bias, model, axis=1).min(1)
            turning = np.sort(scores[:, model] - others)
            tried = np.concatenate([[0.0], (turning[1:] + turning[:-1]) / 2])
            right = [_accuracy(scores - _with(bias, model, value), made_by) for value in tried]
            good = [value for value, share in zip(tried, right, strict=True) if share > max(right) - 1e-9]
            bias[model] = min(good, key=abs)
        if np.array_equal(before, bias):
            break
    return bias


def _with(bias: Scores, model: int, value: float) -> Scores:
    changed = bias.copy()
    changed[model] = value
    return changed


def _accuracy(scores: Scores, made_by: npt.NDArray[np.int64]) -> float:
    is_right = scores.argmin(1) == made_by
    return float(np.mean([is_right[made_by == model].mean() for model in np.unique(made_by)]))
