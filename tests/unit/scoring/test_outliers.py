"""An image that decides a threshold by itself is named, and others are not."""

import pandas as pd
import pytest
from scipy.stats import norm

from aedr.scoring.accuracy import fit_thresholds
from aedr.scoring.outliers import warn_of_outliers
from aedr.scoring.signals import FITTING

LOSSES = norm(1, 0.05).ppf([(i + 0.5) / 72 for i in range(72)])


def warned(outlier: float, views: list[tuple[str, str]], bandwidth: str = "scott") -> list[str]:
    """What is said of 72 own images, one of which has the first loss `outlier`, under two metrics."""
    of_metric = pd.DataFrame({"image_id": [f"sd/{i:05}" for i in range(72)], "first_loss": [outlier, *LOSSES[1:]]})
    signals = pd.concat([of_metric.assign(metric="l2"), of_metric.assign(metric="ssim")])
    signals = signals.assign(autoencoder="sd", belonging=True, split=FITTING, second_loss=None, reason=None)
    thresholds = fit_thresholds(signals, {"sd": 0.05}, "exact", ["held_out"], bandwidth)
    return warn_of_outliers(signals, thresholds, views, bandwidth)


@pytest.mark.parametrize("outlier", [10, -10])
def test_an_outlier_is_named_with_what_it_does_where_it_matters(outlier) -> None:
    (sentence,) = warned(outlier, [("l2", "first_loss"), ("high_frequency", "residual")])
    for said in ("sd (l2, first loss, protocol held_out)", f"sd/00000, whose signal is {outlier}.", "would be 1.089 "):
        assert said in sentence


def test_nobody_is_named_where_none_stands_out_or_the_rule_is_robust() -> None:
    views = [("l2", "first_loss"), ("ssim", "first_loss")]
    assert warned(LOSSES[0], views) == []
    assert len(warned(10, views)) == 2
    assert warned(10, views, "robust") == []
