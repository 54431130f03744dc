"""Thresholds, signals and accuracy: their properties, on numbers that can be followed by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from aedr.accuracy import area_under_curve, evaluate_accuracy, fit_thresholds, summarise_accuracy
from aedr.errors import UserError
from aedr.signals import compute_signals
from aedr.thresholds import fit_density, fit_threshold

OWN = norm(1.0, 0.1).rvs(400, random_state=0)


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.5, 0.999])
def test_exact_threshold_inverts_the_distribution_function(alpha) -> None:
    threshold = fit_threshold(OWN, alpha)
    assert fit_density(OWN).integrate_box_1d(-np.inf, threshold) == pytest.approx(1 - alpha, abs=1e-12)


def test_grid_and_exact_threshold_agree_to_the_grids_width() -> None:
    assert fit_threshold(OWN, 0.05, "grid") == pytest.approx(fit_threshold(OWN, 0.05), abs=1e-3)
    assert fit_threshold(OWN, 0.05, "grid") != fit_threshold(OWN, 0.05)


def test_threshold_scales_with_the_signal_and_ignores_order() -> None:
    threshold = fit_threshold(OWN, 0.05)
    assert fit_threshold(3 * OWN, 0.05) == pytest.approx(3 * threshold)
    assert fit_threshold(OWN[::-1], 0.05) == pytest.approx(threshold)


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [1.0] * 50])
def test_no_density_without_different_images(values) -> None:
    with pytest.raises(UserError, match="belonging images"):
        fit_threshold(values, 0.05)


def test_area_under_curve_counts_pairs_and_halves_ties() -> None:
    own, others = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    pairs = [(o > s) + 0.5 * (o == s) for s in own for o in others]
    assert area_under_curve(own, others) == pytest.approx(np.mean(pairs))


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    losses, homogeneity = [], []
    for source, ratio in [("own", 1.0), ("other", 3.0), ("photographs", 2.0)]:
        for i in range(40):
            image = {"image_id": f"{source}/{i}", "source": source}
            spread = 1 + 0.01 * (i % 7)
            for metric, first in [("l2", ratio * spread), ("psnr", -40 / (ratio * spread))]:
                second = 1.0 if metric == "l2" else -40.0
                losses.append(
                    image
                    | {"autoencoder": "A", "metric": metric, "first_loss": first, "second_loss": second, "reason": None}
                )
            homogeneity.append(image | {"homogeneity": 0.5, "reason": None})
    return pd.DataFrame(losses), pd.DataFrame(homogeneity)


def test_ratio_is_small_for_belonging_images_in_every_metric() -> None:
    signals = compute_signals(*tables(), {"own"})
    means = signals.groupby(["metric", "source"])["loss_ratio"].mean()
    for metric in ["l2", "psnr"]:
        assert means[metric, "own"] < means[metric, "photographs"] < means[metric, "other"]
    assert (signals["calibrated_ratio"] == signals["loss_ratio"] * 0.5).all()


def test_a_loss_of_zero_has_a_reason_and_no_ratio_and_stays() -> None:
    losses, homogeneity = tables()
    losses.loc[0, "second_loss"] = 0.0
    signals = compute_signals(losses, homogeneity, {"own"})
    assert len(signals) == len(losses)
    row = signals.iloc[0]
    assert np.isnan(row["loss_ratio"]) and "zero" in row["reason"]
    accuracy = evaluate_accuracy(signals, fit_thresholds(signals, {"A": 0.05}, "exact"))
    cell = accuracy[(accuracy["source"] == "own") & (accuracy["signal"] == "loss_ratio")].set_index("metric")
    assert cell.loc["l2", ["images", "unusable"]].tolist() == [39, 1]
    assert cell.loc["psnr", ["images", "unusable"]].tolist() == [40, 0]


def test_accuracy_is_the_mean_of_both_rates() -> None:
    signals = compute_signals(*tables(), {"own"})
    thresholds = fit_thresholds(signals, {"A": 0.05}, "exact")
    accuracy = evaluate_accuracy(signals, thresholds).set_index(["metric", "signal", "source"])
    own = accuracy.loc[("l2", "loss_ratio", "own")]
    other = accuracy.loc[("l2", "loss_ratio", "other")]
    assert own["accuracy"] == own["acceptance_rate"] == own["accepted"] / 40 and pd.isna(own["auc"])
    assert other["accepted"] == 0 and other["auc"] == 1
    assert other["accuracy"] == pytest.approx((own["acceptance_rate"] + 1) / 2)
    means = summarise_accuracy(accuracy.reset_index(), {"photographs"}).set_index(["metric", "signal", "autoencoder"])
    assert means.loc[("l2", "loss_ratio", "A"), "against_other_models"] == other["accuracy"]


def test_a_source_without_a_usable_image_is_named() -> None:
    losses, homogeneity = tables()
    losses.loc[losses["source"] == "other", ["first_loss", "second_loss", "reason"]] = [np.nan, np.nan, "cut off"]
    signals = compute_signals(losses, homogeneity, {"own"})
    with pytest.raises(UserError, match="other.*cut off"):
        evaluate_accuracy(signals, fit_thresholds(signals, {"A": 0.05}, "exact"))
