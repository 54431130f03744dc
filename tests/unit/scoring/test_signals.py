"""Signals: their properties, on numbers that can be followed by hand."""

import numpy as np
import pandas as pd
import pytest

from aedr.scoring.signals import HELD_OUT, SIGNALS, add_signals, fit_parameters, split_images, split_of
from scoring_tables import signals_of, tables

# Images 00000 to 00011, half of them held out in the long run.
PARTS_OF_SD15 = [True, True, False, True, True, False, True, True, False, False, True, False]


def test_the_parts_of_a_study_stand_whatever_is_added_and_have_the_share_asked_for() -> None:
    parts = [split_of(f"source/{i}", 0.3) for i in range(4000)]
    assert np.mean([part == HELD_OUT for part in parts]) == pytest.approx(0.3, abs=0.03)
    assert {split_of(f"source/{i}", 0.9) for i, part in enumerate(parts) if part == HELD_OUT} == {HELD_OUT}
    # As it was before there were groups: studies that declare none keep their numbers.
    assert [split_of(f"sd15/{i:05}", 0.5) == HELD_OUT for i in range(12)] == PARTS_OF_SD15


def test_an_images_part_follows_from_its_group_which_is_never_split() -> None:
    losses, homogeneity = tables()
    one_by_one = signals_of(losses, homogeneity)
    assert (one_by_one["group"] == one_by_one["image_id"]).all()
    homogeneity["group"] = [f"{source}/{i // 4}" for i, source in enumerate(homogeneity["source"])]
    signals = signals_of(losses, homogeneity)
    assert signals.groupby("group")["split"].nunique().max() == 1
    # Ten groups a source, half of them held out.
    held_out = signals[signals["split"] == HELD_OUT].groupby("source")["group"].nunique()
    assert held_out.tolist() == [5, 5, 5]
    assert (signals["split"] != one_by_one["split"]).any()


def test_a_group_that_is_added_moves_at_most_one_other() -> None:
    groups = [f"s/{i}" for i in range(9)]

    def parts(used: list[str]) -> dict[str, str]:
        rows = pd.DataFrame([{"image_id": f"{g}_{i}", "source": "s", "group": g} for g in used for i in range(2)])
        return dict(zip(rows["group"], split_images(rows, 0.4), strict=True))

    for added in groups:
        before, after = parts([group for group in groups if group != added]), parts(groups)
        assert sum(after[group] != part for group, part in before.items()) <= 1
    assert list(parts(groups).values()).count(HELD_OUT) == 4
    assert set(parts(groups[:2]).values()) == {"fitting", "held_out"}


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


def test_the_cap_takes_from_a_second_loss_what_no_own_image_has() -> None:
    own = pd.DataFrame({"metric": "l2", "first_loss": 2.0, "second_loss": np.linspace(1, 2, 101)})
    parameters = fit_parameters(own, np.full(101, 0.5))
    assert parameters.cap == pytest.approx(1.99)
    rows = pd.DataFrame({"metric": "l2", "first_loss": [3.0, 30.0], "second_loss": [1.5, 20.0], "homogeneity": 0.5})
    signals = add_signals(rows, parameters)
    assert signals["loss_ratio"].tolist() == [2.0, 1.5]
    assert signals["capped_ratio"].tolist() == pytest.approx([2.0, 30 / 1.99])
