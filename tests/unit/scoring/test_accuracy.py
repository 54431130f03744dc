"""Accuracy: its properties, on numbers that can be followed by hand."""

import numpy as np
import pandas as pd
import pytest

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
from aedr.scoring.signals import HELD_OUT, SIGNALS, split_of
from scoring_tables import OWN, signals_of, tables


def test_area_under_curve_counts_pairs_and_halves_ties() -> None:
    own, others = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    pairs = [(o > s) + 0.5 * (o == s) for s in own for o in others]
    assert area_under_curve(own, others) == pytest.approx(np.mean(pairs))


def test_the_true_positive_rate_allows_no_more_false_positives_than_asked_for() -> None:
    own, others = np.array([0.0, 1.0, 2.0, 3.0]), np.arange(200) + 1.5
    assert true_positive_rate_at(0.01, own, others) == 1.0  # two of 200 may pass: the threshold is 3.5
    assert true_positive_rate_at(0.01, own, others[:99]) == 0.5  # none of 99 may


def test_the_chosen_level_follows_what_the_others_look_like() -> None:
    far, near = {"other": OWN + 10}, {"other": OWN + 0.2}
    assert choose_alpha(OWN, far, "exact") < 0.01
    assert choose_alpha(OWN, near, "exact") > 0.05


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
    assert not same[thresholds["protocol"] == "same_images"].any()
    # What was fitted on all own images is not scored on them.
    assert set(thresholds.loc[thresholds["protocol"] == "same_images", "signal"]).isdisjoint(
        {"power_ratio", "residual"}
    )


def test_a_loss_of_zero_has_a_reason_and_no_ratio_and_stays() -> None:
    losses, homogeneity = tables()
    losses.loc[0, "second_loss"] = 0.0
    signals = signals_of(losses, homogeneity)
    assert len(signals) == len(losses)
    row = signals.iloc[0]
    assert row[["loss_ratio", "calibrated_ratio", "power_ratio", "residual"]].isna().all() and "zero" in row["reason"]
    accuracy = evaluate_accuracy(signals, fit_thresholds(signals, {"A": 0.05}, "exact"))
    cell = accuracy[(accuracy["source"] == "own") & (accuracy["signal"] == "loss_ratio")]
    cell = cell[cell["protocol"] == "same_images"].set_index("metric")
    assert cell.loc["l2", ["images", "unusable"]].tolist() == [39, 1]
    assert cell.loc["psnr", ["images", "unusable"]].tolist() == [40, 0]


@pytest.mark.parametrize("protocol", ["same_images", "held_out"])
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
    assert (own["images"] == 40) == (protocol == "same_images")
    means = summarise_accuracy(cells, {"photographs"}).set_index(["protocol", "metric", "signal", "autoencoder"])
    assert means.loc[(protocol, "l2", "loss_ratio", "A"), "against_other_models"] == other["accuracy"]


def test_the_comparison_names_a_best_signal_for_every_other_source() -> None:
    signals = signals_of(*tables(noise=0.3))
    cells = evaluate_accuracy(signals, fit_thresholds(signals, {"A": "chosen"}, "exact"))
    compared = compare_signals(cells, "l2", "residual")
    assert compared["source"].tolist() == ["other", "photographs"]
    assert (compared["best_auc"] >= compared[["published_auc", "verdict_auc"]].max(axis=1)).all()
    assert pd.isna(compare_signals(cells[cells["metric"] == "psnr"], "psnr", "residual")["published_auc"]).all()


def test_an_own_image_without_a_finite_signal_is_named() -> None:
    losses, homogeneity = tables()
    losses.loc[(losses["image_id"] == "own/7") & (losses["metric"] == "psnr"), "first_loss"] = -np.inf
    signals = signals_of(losses, homogeneity)
    with pytest.raises(UserError, match="metric psnr, signal first_loss: .*own/7 is not finite"):
        fit_thresholds(signals, {"A": 0.05}, "exact")


def test_a_source_without_a_usable_image_is_named() -> None:
    losses, homogeneity = tables()
    losses.loc[losses["source"] == "other", ["first_loss", "second_loss", "reason"]] = [np.nan, np.nan, "cut off"]
    signals = signals_of(losses, homogeneity)
    with pytest.raises(UserError, match="other.*cut off"):
        evaluate_accuracy(signals, fit_thresholds(signals, {"A": 0.05}, "exact"))


def test_groups_that_leave_a_part_empty_are_named() -> None:
    losses, homogeneity = tables(noise=0.3)
    homogeneity.loc[homogeneity["source"] == "own", "group"] = "own/all"
    with pytest.raises(UserError, match="Autoencoder A, .* got 0.*Groups .* of its 40 images: 1,"):
        fit_thresholds(signals_of(losses, homogeneity), {"A": 0.05}, "exact")
    homogeneity.loc[homogeneity["source"] == "own", "group"] = ["own/a"] * 20 + ["own/b"] * 20
    signals = signals_of(losses, homogeneity)
    signals.loc[(signals["source"] == "own") & (signals["split"] == HELD_OUT), list(SIGNALS)] = np.nan
    with pytest.raises(
        UserError, match="autoencoder A has no usable image of its own .*Groups .* of its 40 images: 2,"
    ):
        evaluate_accuracy(signals, fit_thresholds(signals, {"A": 0.05}, "exact"))
