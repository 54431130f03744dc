"""Verdicts without the controls of images that are too far whatever these lose: the same as with them."""

import numpy as np
import pandas as pd
import pytest

from aedr.errors import UserError
from aedr.study.sources import QUERY, RESTORED, restored_id
from aedr.verdicts.attribution import attribute
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, SEVERAL
from aedr.verdicts.promise import Promise

FAMILIES = ("a", "b", "c")
METRICS = ("refined_l2", "refined_l1")
PROMISE = Promise(0.05)
SIZE = {"width": 64, "height": 64}
CAP = {"refined_l2": 1.0, "refined_l1": 1.2}
NEITHER = {"offset_rows": None, "offset_columns": None, "orientation": None, "reason": None}


def losses_of(names: list[str], source: str, near: list[tuple[str, ...]], chance: np.random.Generator) -> pd.DataFrame:
    """Return losses of images, each near to some families, under every family; metrics agree only roughly."""
    rows = []
    for name, owners in zip(names, near, strict=True):
        texture = chance.normal(-1.0, 0.8)
        for family in FAMILIES:
            excess = chance.normal(*((0.1, 0.1) if family in owners else (1.4, 0.4)))
            for metric in METRICS:
                second = np.exp(texture + chance.normal(0, 0.2))
                key = {"image_id": name, "source": source, "autoencoder": family, "metric": metric}
                first = second * np.exp(excess + chance.normal(0, 0.15))
                rows.append(key | SIZE | NEITHER | {"first_loss": first, "second_loss": second})
    return pd.DataFrame(rows)


def calibration(signal: str = "capped_ratio", metrics: tuple[str, str | None] = METRICS, own: int = 40) -> Calibration:
    chance = np.random.default_rng(3)
    tables = []
    for source in (*FAMILIES, "photographs"):
        names = [f"{source}/{number}" for number in range(own if source in FAMILIES else 60)]
        losses = losses_of(names, source, [(source,)] * len(names), chance)
        capped = losses["second_loss"].clip(upper=losses["metric"].map(CAP))
        losses = losses.assign(value=losses["first_loss"] / capped, group=losses["image_id"], homogeneity=0.5)
        tables.append(losses.assign(belonging=losses["source"] == losses["autoencoder"]))
    family = {"members": ["x"], "factor": 4, "preprocessing": {"off_grid": "crop"}}
    fitted = {metric: {"exponent": 0.0, "slope": 1.0, "intercept": 0.0, "cap": cap} for metric, cap in CAP.items()}
    description = {"metric": metrics[0], "second_metric": metrics[1], "signal": signal}
    description |= {
        "real_sources": ["photographs"],
        "families": {name: family | {"fitted": fitted} for name in FAMILIES},
    }
    return Calibration(description, pd.concat(tables), {name: name for name in FAMILIES})


@pytest.fixture(scope="module")
def query() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Images, complete losses and homogeneity of a query, half of it with copies at another size."""
    chance = np.random.default_rng(4)
    names = [f"{QUERY}/{number}" for number in range(160)]
    near = [[("a",), ("b",), ("c",), (), ("a", "b")][number % 5] for number in range(160)]
    losses = losses_of(names, QUERY, near, chance)
    # An edited image is far by the one metric and near by the other.
    edited = losses["image_id"].isin(names[:8]) & (losses["metric"] == "refined_l2")
    losses.loc[edited, "first_loss"] *= 20
    copies = losses_of([restored_id(name, 64, 64) for name in names[80:]], RESTORED, near[80:], chance)
    images = pd.DataFrame({"image_id": names, "source": QUERY, "reason": None, "sha256": "0"} | SIZE)
    measured = pd.concat([losses, copies], ignore_index=True)
    return images, measured, measured[["image_id"]].drop_duplicates().assign(homogeneity=0.5)


def stopped(losses: pd.DataFrame, by: Calibration) -> pd.DataFrame:
    """Return losses as they are if no control is measured of an image that is beyond the limits of both metrics."""
    limits = by.limits(PROMISE)
    beyond = [
        limits[family][metric].is_beyond(loss)
        for family, metric, loss in zip(losses["autoencoder"], losses["metric"], losses["first_loss"], strict=True)
    ]
    every = losses.assign(beyond=beyond).groupby(["image_id", "autoencoder"])["beyond"].transform("all")
    return losses.assign(second_loss=losses["second_loss"].mask(every))


def test_no_answer_and_no_p_value_of_own_images_changes(query) -> None:
    images, losses, homogeneity = query
    by = calibration()
    reference = by.reference(PROMISE)
    complete, early = (
        attribute(images, measured, homogeneity, by, reference) for measured in (losses, stopped(losses, by))
    )
    assert set(complete["verdict"]) == {FAMILY, SEVERAL, NONE, CANNOT_SAY}
    assert complete["reason"].str.contains("the metrics disagree").any()
    for column in ("verdict", "autoencoders", "reason"):
        without_copies = slice(0, 80) if column == "reason" else slice(None)
        assert complete[column][without_copies].tolist() == early[column][without_copies].tolist(), column
    ended = 0
    for before, after in zip(complete["evidence"], early["evidence"], strict=True):
        assert [each["p_value"] for each in before] == [each["p_value"] for each in after]
        for whole, each in zip(before, after, strict=True):
            assert not whole["is_bounded"]
            if each["is_bounded"]:
                ended += 1
                others = (each["corrected_p_value"], each["foreign_p_value"], each["foreign_source"])
                assert others == (None, None, None) and each["signal"] <= whole["signal"] * (1 + 1e-12)
            else:
                assert each == whole
    # Of 480 questions, most of which have the answer no.
    assert ended > 100


def test_an_image_as_far_as_the_farthest_own_image_is_measured_to_the_end() -> None:
    by = calibration()
    limit = by.limits(PROMISE)["a"]["refined_l2"]
    own = by.rows[(by.rows["source"] == "a") & (by.rows["autoencoder"] == "a") & (by.rows["metric"] == "refined_l2")]
    assert limit.farthest == own["value"].max()
    assert not limit.is_beyond(limit.farthest * limit.cap) and limit.is_beyond(limit.farthest * limit.cap * 1.001)


@pytest.mark.parametrize(
    "changed",
    [
        {"signal": "loss_ratio"},
        {"metrics": ("refined_l2", "high_frequency")},
        {"metrics": ("cell_l1", None)},
        {"own": 18},
    ],
)
def test_nothing_is_left_out_where_the_first_loss_decides_nothing(changed) -> None:
    assert calibration().limits(PROMISE).keys() == set(FAMILIES)
    assert calibration(**changed).limits(PROMISE) == {}


def test_losses_that_another_calibration_left_out_are_refused(query) -> None:
    _, losses, homogeneity = query
    by = calibration()
    left_out = stopped(losses, by)
    known = left_out["autoencoder"].isin(FAMILIES) & left_out["second_loss"].isna()
    assert by.signals(left_out, homogeneity)["bounded"].any()
    # Whose own images are farther.
    other = Calibration(by.description, by.rows.assign(value=by.rows["value"] * 100), by.asked)
    name = left_out.loc[known & (left_out["metric"] == "refined_l2"), "image_id"].iloc[0].partition("/")[0]
    with pytest.raises(UserError, match=f"measured for another calibration: {name}"):
        other.signals(left_out, homogeneity)
