"""Thresholds, signals and accuracy: their properties, on numbers that can be followed by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from aedr.errors import UserError
from aedr.scoring.accuracy import (
    area_under_curve,
    choose_alpha,
    compare_signals,
    evaluate_accuracy,
    fit_thresholds,
    summarise_accuracy,
    true_positive_rate_at,
)
from aedr.scoring.signals import HELD_OUT, SIGNALS, compute_signals, fit_parameters, split_of
from aedr.scoring.thresholds import fit_density, fit_threshold, resample_thresholds

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
    with pytest.raises(UserError, match="own images"):
        fit_threshold(values, 0.05)


def test_area_under_curve_counts_pairs_and_halves_ties() -> None:
    own, others = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    pairs = [(o > s) + 0.5 * (o == s) for s in own for o in others]
    assert area_under_curve(own, others) == pytest.approx(np.mean(pairs))


def test_resampled_thresholds_are_the_thresholds_of_the_resamples() -> None:
    resamples = np.random.default_rng(1).integers(0, len(OWN), (5, len(OWN)))
    expected = [fit_threshold(OWN[positions], 0.05) for positions in resamples]
    assert resample_thresholds(OWN, 0.05, resamples) == pytest.approx(expected, abs=1e-6)


def test_the_true_positive_rate_allows_no_more_false_positives_than_asked_for() -> None:
    own, others = np.array([0.0, 1.0, 2.0, 3.0]), np.arange(200) + 1.5
    assert true_positive_rate_at(0.01, own, others) == 1.0  # two of 200 may pass: the threshold is 3.5
    assert true_positive_rate_at(0.01, own, others[:99]) == 0.5  # none of 99 may


def test_the_chosen_level_follows_what_the_others_look_like() -> None:
    far, near = {"other": OWN + 10}, {"other": OWN + 0.2}
    assert choose_alpha(OWN, far, "exact") < 0.01
    assert choose_alpha(OWN, near, "exact") > 0.05


def test_the_parts_of_a_study_stand_whatever_is_added_and_have_the_share_asked_for() -> None:
    parts = [split_of(f"source/{i}", 0.3) for i in range(4000)]
    assert np.mean([part == HELD_OUT for part in parts]) == pytest.approx(0.3, abs=0.03)
    assert {split_of(f"source/{i}", 0.9) for i, part in enumerate(parts) if part == HELD_OUT} == {HELD_OUT}


def tables(noise: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    losses, homogeneity = [], []
    chance = np.random.default_rng(3)
    for source, ratio in [("own", 1.0), ("other", 3.0), ("photographs", 2.0)]:
        for i in range(40):
            image = {"image_id": f"{source}/{i}", "source": source}
            spread = (1 + 0.01 * (i % 7)) * np.exp(noise * chance.normal())
            for metric, first in [("l2", ratio * spread), ("psnr", -40 / (ratio * spread))]:
                second = 1.0 if metric == "l2" else -40.0
                losses.append(
                    image
                    | {"autoencoder": "A", "metric": metric, "first_loss": first, "second_loss": second, "reason": None}
                )
            homogeneity.append(image | {"homogeneity": 0.5, "reason": None})
    return pd.DataFrame(losses), pd.DataFrame(homogeneity)


def signals_of(losses: pd.DataFrame, homogeneity: pd.DataFrame) -> pd.DataFrame:
    return compute_signals(losses, homogeneity, {"own"}, held_out=0.5)[0]


def test_ratio_is_small_for_own_images_in_every_metric() -> None:
    signals = signals_of(*tables())
    means = signals.groupby(["metric", "source"])[list(SIGNALS)].mean()
    for metric in ["l2", "psnr"]:
        for signal in ["loss_ratio", "power_ratio", "residual"]:
            by_source = means.loc[metric, signal]
            assert by_source["own"] < by_source["photographs"] < by_source["other"]
    assert (signals["calibrated_ratio"] == signals["loss_ratio"] * 0.5).all()


def test_what_is_fitted_makes_own_signals_independent_of_what_they_are_calibrated_by() -> None:
    chance = np.random.default_rng(0)
    homogeneity = chance.uniform(0.1, 0.9, 300)
    second = np.exp(chance.normal(-6, 1, 300))
    losses = pd.DataFrame({"metric": "l2", "first_loss": 2 * second**1.1 * homogeneity**-0.4, "second_loss": second})
    fitted = fit_parameters(losses.assign(first_loss=2 * second * homogeneity**-0.4), homogeneity)
    assert fitted.exponent == pytest.approx(0.4)
    fitted = fit_parameters(losses.assign(first_loss=2 * second**1.1), homogeneity)
    assert (fitted.slope, fitted.intercept) == pytest.approx((1.1, np.log(2)))


def test_nothing_is_fitted_on_images_that_are_held_out() -> None:
    losses, homogeneity = tables(noise=0.1)
    signals = signals_of(losses, homogeneity)
    thresholds = fit_thresholds(signals, {"A": 0.05}, "exact")
    held_out = losses["image_id"].map(lambda image_id: split_of(image_id, 0.5) == HELD_OUT)
    own_and_held_out = (losses["source"] == "own") & held_out
    assert 20 < own_and_held_out.sum() < 60
    losses.loc[own_and_held_out, "first_loss"] *= 1.5
    changed = fit_thresholds(signals_of(losses, homogeneity), {"A": 0.05}, "exact")
    same = (thresholds == changed).all(axis=1)
    assert same[thresholds["protocol"] == "held_out"].all()
    assert not same[thresholds["protocol"] == "published"].any()
    # What was fitted on all own images is not scored on them.
    assert set(thresholds.loc[thresholds["protocol"] == "published", "signal"]).isdisjoint({"power_ratio", "residual"})


def test_a_loss_of_zero_has_a_reason_and_no_ratio_and_stays() -> None:
    losses, homogeneity = tables()
    losses.loc[0, "second_loss"] = 0.0
    signals = signals_of(losses, homogeneity)
    assert len(signals) == len(losses)
    row = signals.iloc[0]
    assert row[["loss_ratio", "calibrated_ratio", "power_ratio", "residual"]].isna().all() and "zero" in row["reason"]
    accuracy = evaluate_accuracy(signals, fit_thresholds(signals, {"A": 0.05}, "exact"))
    cell = accuracy[(accuracy["source"] == "own") & (accuracy["signal"] == "loss_ratio")]
    cell = cell[cell["protocol"] == "published"].set_index("metric")
    assert cell.loc["l2", ["images", "unusable"]].tolist() == [39, 1]
    assert cell.loc["psnr", ["images", "unusable"]].tolist() == [40, 0]


@pytest.mark.parametrize("protocol", ["published", "held_out"])
def test_accuracy_is_the_mean_of_both_rates_and_lies_in_its_interval(protocol) -> None:
    signals = signals_of(*tables(noise=0.3))
    thresholds = fit_thresholds(signals, {"A": 0.05}, "exact")
    cells = evaluate_accuracy(signals, thresholds)
    accuracy = cells.set_index(["metric", "signal", "protocol", "source"])
    own = accuracy.loc[("l2", "loss_ratio", protocol, "own")]
    other = accuracy.loc[("l2", "loss_ratio", protocol, "other")]
    assert own["accuracy"] == own["acceptance_rate"] == own["accepted"] / own["images"] and pd.isna(own["auc"])
    assert other["accuracy"] == pytest.approx((own["acceptance_rate"] + 1 - other["acceptance_rate"]) / 2)
    assert 0.95 < other["auc"] <= 1
    assert other["accuracy_low"] <= other["accuracy"] <= other["accuracy_high"]
    assert 0 < other["accuracy_high"] - other["accuracy_low"] < 0.3
    assert (own["images"] == 40) == (protocol == "published")
    means = summarise_accuracy(cells, {"photographs"}).set_index(["protocol", "metric", "signal", "autoencoder"])
    assert means.loc[(protocol, "l2", "loss_ratio", "A"), "against_other_models"] == other["accuracy"]


def test_the_comparison_names_a_best_signal_for_every_other_source() -> None:
    signals = signals_of(*tables(noise=0.3))
    cells = evaluate_accuracy(signals, fit_thresholds(signals, {"A": "chosen"}, "exact"))
    compared = compare_signals(cells, "l2", "residual")
    assert compared["source"].tolist() == ["other", "photographs"]
    assert (compared["best_auc"] >= compared[["published_auc", "verdict_auc"]].max(axis=1)).all()
    assert pd.isna(compare_signals(cells[cells["metric"] == "psnr"], "psnr", "residual")["published_auc"]).all()


def test_a_source_without_a_usable_image_is_named() -> None:
    losses, homogeneity = tables()
    losses.loc[losses["source"] == "other", ["first_loss", "second_loss", "reason"]] = [np.nan, np.nan, "cut off"]
    signals = signals_of(losses, homogeneity)
    with pytest.raises(UserError, match="other.*cut off"):
        evaluate_accuracy(signals, fit_thresholds(signals, {"A": 0.05}, "exact"))
