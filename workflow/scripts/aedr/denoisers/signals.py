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
            tried = np.sort(np.append((turning[1:] + turning[:-1]) / 2, 0.0))
            right = _shares_right(scores - bias, scores[:, model], model, tried, made_by)
            good = tried[right > right.max() - 1e-9]
            bias[model] = good[np.abs(good).argmin()]
        if np.array_equal(before, bias):
            break
    return bias


def _shares_right(
    scores: Scores, unbiased: Scores, model: int, tried: Scores, made_by: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the share of images whose smallest score is right, a mean over models, by each bias tried for `model`.

    Args:
        scores: with the biases of all models; the column of `model` is not used.
        unbiased: the scores of `model` without its bias, shape (images,).
        tried: the biases, ascending. The larger, the more images `model` is the best for, so each image has a place
            from which on it is, and no bias need be looked at image by image.
    """
    others = scores.copy()
    others[:, model] = np.inf
    nearest, best = others.argmin(1), others.min(1)
    lowest, highest = np.zeros(len(scores), dtype=np.int64), np.full(len(scores), len(tried))
    while (lowest < highest).any():
        middle = (lowest + highest) // 2
        value = unbiased - tried[np.minimum(middle, len(tried) - 1)]
        # Of equal scores the first is the smallest.
        is_best = (value < best) | ((value == best) & (model < nearest)) | (middle == len(tried))
        lowest, highest = np.where(is_best, lowest, middle + 1), np.where(is_best, middle, highest)
    shares = []
    for maker in np.unique(made_by):
        is_own = made_by == maker
        # Of the images that count here: those for which `model` is not yet the best, or those for which it is.
        turned = lowest[is_own if maker == model else is_own & (nearest == maker)]
        counts = np.bincount(turned, minlength=len(tried) + 1)[: len(tried)].cumsum()
        shares.append((counts if maker == model else len(turned) - counts) / is_own.sum())
    return np.mean(shares, axis=0)
