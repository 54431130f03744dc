"""Signals of the second stage: how much better a model's denoiser knows an image than those of the other members.

Errors are averaged over noises, as published: shape (images, models, levels).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Errors = npt.NDArray[np.float64]


def z_scores(errors: Errors) -> Errors:
    """Return the published signal, shape (images, models): small for the model that made the image.

    The errors of each level are centred and scaled over the models, then averaged over levels (DNA, arXiv 2607.13685;
    Evaluate_Accuracy.py). Where all models err alike, nothing is scaled.
    """
    spread = errors.std(1, keepdims=True)
    return ((errors - errors.mean(1, keepdims=True)) / np.where(spread < 1e-15, 1, spread)).mean(-1)


def log_ratios(errors: Errors) -> Errors:
    """Return the logarithm of each model's error over that of the other models, shape (images, models).

    The other models' is the geometric mean of theirs; it is averaged over levels. Unlike z-scores, it says how much
    better a model is: of an image that no model knows, all are near zero.
    """
    logs = np.log(errors).mean(-1)
    others = (logs.sum(1, keepdims=True) - logs) / (logs.shape[1] - 1)
    return logs - others


SIGNALS: dict[str, Callable[[Errors], Errors]] = {"z_score": z_scores, "log_ratio": log_ratios}
