"""What damage does to a signal shows in the table, and what the calibration takes away shows beside it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from aedr.robustness.scores import (
    cells_side_by_side,
    evaluate_robustness,
    shown_methods,
    summarise_robustness,
    with_untouched,
)
from aedr.scoring.accuracy import evaluate_accuracy, fit_thresholds
from aedr.scoring.signals import compute_all_signals
from aedr.tables.files import read_table, write_table
from evaluate_robustness import evaluate_robustness as score_files
from plot_robustness import plot_robustness
from plot_strengths import plot_strengths

IMAGES, HELD_OUT = 60, 0.5
BELONGING, ALPHAS = {"a": {"own"}}, {"a": 0.05}


def measured(damage: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Losses and homogeneity: own ratios around 1, others' around 4, all first losses times `damage`."""
    rows = []
    for source, ratio in (("own", 1), ("real", 4), ("other", 4)):
        chance = np.random.default_rng(len(source))
        for i in range(IMAGES):
            second = chance.uniform(1, 2)
            first = damage * second * ratio * chance.lognormal(0, 0.1)
            rows.append({"image_id": f"{source}/{i}", "source": source, "first_loss": first, "second_loss": second})
    losses = pd.DataFrame(rows).assign(autoencoder="a", metric="l2", width=64, height=64, reason=None)
    return losses, losses[["image_id", "source"]].assign(group=losses["image_id"], homogeneity=0.5, reason=None)


def robustness(damage: float) -> pd.DataFrame:
    return evaluate_robustness(measured(damage), measured(1), BELONGING, ALPHAS, "exact", "scott", HELD_OUT)


def undamaged_accuracy() -> pd.DataFrame:
    signals, _ = compute_all_signals(*measured(1), BELONGING, HELD_OUT)
    return evaluate_accuracy(signals, fit_thresholds(signals, ALPHAS, "exact"))


def test_without_damage_both_protocols_are_the_study_held_out() -> None:
    accuracy = undamaged_accuracy()
    expected = accuracy[accuracy["protocol"] == "held_out"].drop(columns="protocol").reset_index(drop=True)
    for _, rows in robustness(1).groupby("protocol"):
        pd.testing.assert_frame_equal(rows.drop(columns="protocol").reset_index(drop=True), expected)


@pytest.mark.parametrize("signal", ["loss_ratio", "calibrated_ratio", "power_ratio", "residual"])
def test_damage_that_moves_all_images_is_undone_by_a_calibration_damaged_alike(signal) -> None:
    rows, undamaged = robustness(2), robustness(1)
    own = rows["belonging"] & (rows["signal"] == signal)
    accepted = [table[own].set_index("protocol")["acceptance_rate"] for table in (rows, undamaged)]
    assert accepted[0]["untouched"] == 0 < accepted[0]["alike"] == accepted[1]["alike"]
    others = rows[~rows["belonging"] & (rows["signal"] == signal)]
    assert (others["auc"] == 1).all() and (others["true_positive_rate_at_1_percent"] == 1).all()
    assert (others.loc[others["protocol"] == "untouched", "accuracy"] == 0.5).all()


def test_families_scored_one_by_one_are_scored_as_together(tmp_path) -> None:
    own = {"b": {"own"}, "a": {"other"}}
    autoencoders = [
        {"autoencoder": name, "family": name, "class": "AutoencoderKL", "parameters": 1, "factor": 8}
        | {"encoder_sha256": name, "decoder_sha256": name, "shares_encoder_with": []}
        for name in own
    ]
    write_table(tmp_path / "autoencoders.parquet", "autoencoders", autoencoders, {})
    together, files = [], []
    for damage in (2, 1):
        losses, homogeneity = measured(damage)
        by_family = [losses.assign(autoencoder=name, fit="whole") for name in own]
        # A rival without a second loss that was measured under one of them.
        by_family.append(by_family[0].assign(metric="hfi", second_loss=np.nan))
        for number, rows in enumerate(by_family):
            write_table(tmp_path / f"losses/{damage}/{number}.parquet", "losses", rows, {})
        write_table(tmp_path / f"homogeneity/{damage}.parquet", "homogeneity", homogeneity, {})
        together.append((pd.concat(by_family, ignore_index=True), homogeneity))
        of_family = {"b": ["0", "2"], "a": ["1"]}
        losses_files = {
            name: [str(tmp_path / f"losses/{damage}/{file}.parquet") for file in numbers]
            for name, numbers in of_family.items()
        }
        files.append((losses_files, [str(tmp_path / f"homogeneity/{damage}.parquet")]))
    levels = {"a": 0.05, "b": 0.1}
    score_files(
        damaged=files[0],
        untouched=files[1],
        autoencoders=str(tmp_path / "autoencoders.parquet"),
        output=str(tmp_path / "robustness.parquet"),
        transform="twice",
        own_sources={name: sorted(sources) for name, sources in own.items()},
        alphas=levels,
        inversion="exact",
        bandwidth="scott",
        held_out=HELD_OUT,
    )
    found = read_table(tmp_path / "robustness.parquet", "robustness")
    expected = evaluate_robustness(*together, own, levels, "exact", "scott", HELD_OUT).assign(transform="twice")
    pd.testing.assert_frame_equal(
        found, expected[list(found.columns)].reset_index(drop=True), check_dtype=False, check_exact=True
    )
    assert found["protocol"].tolist() == sorted(found["protocol"], reverse=True)


def test_means_and_cells_hold_untouched_images_first_and_pictures_draw_them(tmp_path) -> None:
    damaged = pd.concat([robustness(damage).assign(transform=f"times-{damage}") for damage in (2, 4)])
    table = with_untouched(damaged, undamaged_accuracy())
    means = summarise_robustness(table, {"real"})
    assert list(means["transform"].unique()) == ["untouched", "times-2", "times-4"]
    row = means.set_index(["transform", "protocol", "signal"]).loc[("times-2", "untouched", "loss_ratio")]
    assert row["own_images_accepted"] == 0 and row["auc"] == 1
    cells = cells_side_by_side(table, [("l2", "loss_ratio")]).set_index("source")
    assert list(cells.columns[3:]) == ["untouched", "times-2", "times-4"] and set(cells["signal"]) == {"loss_ratio"}
    expected = table[(table["source"] == "real") & (table["signal"] == "loss_ratio") & (table["protocol"] == "alike")]
    assert cells.loc["real", ["untouched", "times-2", "times-4"]].tolist() == expected["accuracy"].tolist()

    means.to_csv(tmp_path / "means.csv")
    steps = {f"times-{damage}": [{"brightness": damage}] for damage in (4, 2)}
    shown = {"means": str(tmp_path / "means.csv"), "metric": "l2", "signal": "residual"}
    plot_strengths(outputs=[str(tmp_path / "strengths.png")], transforms=steps, **shown)
    upper = plt.gcf().axes[0]
    published = next(line for line in upper.get_lines() if line.get_label() == "AEDR as published")
    assert published.get_xdata().tolist() == [2, 4] and (published.get_ydata() == 0.5).all()
    plot_robustness(outputs=[str(tmp_path / "robustness.png")], **shown)
    assert [label.get_text() for label in plt.gcf().axes[0].get_yticklabels()] == ["untouched", "times-2", "times-4"]


def test_methods_have_the_names_of_the_methods_table_and_none_stands_twice() -> None:
    views = [("hfi", "first_loss"), ("l2", "first_loss"), ("mid_frequency", "residual"), ("l2", "calibrated_ratio")]
    means = pd.DataFrame([*views, ("high_frequency", "residual"), ("ssim", "residual")], columns=["metric", "signal"])
    names = ["AEDR as published", "first loss alone", "fitted residual", "mid-frequency, residual", "HFI"]
    assert list(shown_methods(means, ("high_frequency", "residual"))) == names
    assert list(shown_methods(means, ("l2", "calibrated_ratio"))) == [
        name for name in names if name != "fitted residual"
    ]
