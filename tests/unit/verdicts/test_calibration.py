"""What a calibration compares an image with: one image of each group, every other source, and what that promises."""

import numpy as np
import pandas as pd
import pytest

from aedr.errors import UserError
from aedr.scoring.signals import FITTING, HELD_OUT
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.calibration_file import MOST_FOREIGN_IMAGES, check_reference, reference_rows
from aedr.verdicts.decision import REAL
from aedr.verdicts.promise import Promise

FAMILIES = ("a", "b")


def rows(source: str, images: int, groups: int | None = None) -> pd.DataFrame:
    """Reference rows of a source under both families; the source is its family's own."""
    chance = np.random.default_rng(images)
    names = [f"{source}/{i}" for i in range(images)]
    of = [f"{source}/group-{i % groups}" for i in range(images)] if groups else names
    images_of = pd.DataFrame({"image_id": names, "source": source, "group": of, "width": 64, "height": 64})
    images_of["metric"] = "l2"
    return pd.concat(
        images_of.assign(
            autoencoder=family,
            belonging=source == family,
            homogeneity=0.5,
            value=chance.normal(0 if source == family else 3, 0.2, images),
        )
        for family in FAMILIES
    )


def calibration(*tables: pd.DataFrame, asked: tuple[str, ...] = FAMILIES) -> Calibration:
    families = {family: {"members": [family]} for family in FAMILIES}
    description = {"metric": "l2", "signal": "residual", "real_sources": ["photographs", "scans"], "families": families}
    return Calibration(description, pd.concat(tables), {family: family for family in asked})


def test_one_image_of_each_group_is_compared_with_if_these_are_enough() -> None:
    study = calibration(rows("a", 40), rows("b", 60, groups=20), rows("photographs", 30, groups=15), rows("scans", 10))
    reference = study.reference(Promise(0.05))
    assert {name: len(own) for name, own in reference.own.items()} == {"a": 40, "b": 20}
    assert {kind: len(signals) for kind, signals in reference.others.items()} == {"a": 40, "b": 20, REAL: 25}
    # The same images under every family: a row is an image.
    assert not reference.others[REAL].isna().any(axis=None)
    assert reference.warnings == ()
    real = study.rows[study.rows["source"] == "photographs"].set_index("image_id")["group"]
    drawn = [real[image] for image in reference.others[REAL].index.unique() if image in real.index]
    assert len({str(group) for group in np.ravel(drawn)}) == 15


def test_too_few_groups_are_said_and_every_image_counts() -> None:
    reference = calibration(rows("a", 40), rows("b", 40), rows("photographs", 72, groups=6)).reference(Promise(0.05))
    assert len(reference.others[REAL]) == 72
    (warning,) = reference.warnings
    assert "72 real images belong to only 6 groups" in warning and "no share below 0.14" in warning


def test_every_other_source_is_asked_and_one_that_is_too_small_is_named() -> None:
    reference = calibration(rows("a", 40), rows("b", 40), rows("found", 20), rows("few", 18)).reference(Promise(0.05))
    assert {kind: list(signals) for kind, signals in reference.others.items()} == {
        "a": ["b"],
        "b": ["a"],
        "found": ["a", "b"],
    }
    assert reference.owners("a") == {"a"} and reference.owners("found") == set()
    few, no_real = reference.warnings
    assert "images like those of few: there are 18" in few and "no real images" in no_real
    # A source stays a source to ask if its own autoencoder is not asked.
    alone = calibration(rows("a", 40), rows("b", 40), asked=("a",)).reference(Promise(0.05))
    assert list(alone.others) == ["b"] and alone.owners("b") == set()


@pytest.mark.parametrize("confidence, enough", [(None, True), (0.95, False)])
def test_a_confidence_needs_more_images(confidence, enough) -> None:
    study = calibration(rows("a", 40), rows("b", 40), rows("photographs", 40))
    if enough:
        check_reference(study, ["l2"], Promise(0.05, confidence))
        return
    with pytest.raises(UserError, match="a has 40 own reference images, but level 0.05 .confidence 0.95. needs 59"):
        check_reference(study, ["l2"], Promise(0.05, confidence))


def test_nothing_that_was_fitted_on_is_exported_and_foreign_images_are_limited() -> None:
    images = MOST_FOREIGN_IMAGES + 50
    signals = rows("b", images).assign(metric="l2", split=[FITTING, HELD_OUT] * images)
    signals = signals.rename(columns={"value": "residual"}).assign(loss_ratio=1.0, first_loss=0.1, second_loss=0.1)
    exported = reference_rows(signals, "l2", "residual", ["photographs"])
    own, foreign = exported[exported["belonging"]], exported[~exported["belonging"]]
    assert len(own) == images // 2 and len(foreign) == MOST_FOREIGN_IMAGES
    # A calibration that is merged with others needs the losses.
    assert (exported["first_loss"] == 0.1).all() and (exported["second_loss"] == 0.1).all()
    assert len(reference_rows(signals, "l2", "loss_ratio", ["photographs"]).query("belonging")) == images
    assert len(reference_rows(signals, "l2", "residual", ["b"]).query("not belonging")) == images
