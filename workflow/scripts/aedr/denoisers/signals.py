"""Signals of the second stage: how much better a model's denoiser knows an image than those of the other members."""

import numpy as np
import numpy.typing as npt

Errors = npt.NDArray[np.float64]


def z_scores(errors: Errors) -> Errors:
    """Return the published signal, shape (images, models): small for the model that made the image.

    The errors of each level, averaged over noises, are centred and scaled over the models, then averaged over levels
    (DNA, arXiv 2607.13685; Evaluate_Accuracy.py). Where all models err alike, nothing is scaled.

    Args:
        errors: shape (images, models, levels, noises).
    """
    by_level = errors.mean(-1)
    spread = by_level.std(1, keepdims=True)
    return ((by_level - by_level.mean(1, keepdims=True)) / np.where(spread < 1e-15, 1, spread)).mean(-1)


def log_ratios(errors: Errors) -> Errors:
    """Return the logarithm of each model's error over that of the other models, shape (images, models).

    The other models' is the geometric mean of theirs; it is averaged over levels. Unlike z-scores, it says how much better
    a model is: of an image that no model knows, all are near zero.

    Args:
        errors: shape (images, models, levels, noises).
    """
    logs = np.log(errors.mean(-1)).mean(-1)
    others = (logs.sum(1, keepdims=True) - logs) / (logs.shape[1] - 1)
    return logs - others
