"""Merged calibrations: what was measured still holds, what was not is not promised, and what differs is refused."""

import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from aedr.errors import UserError
from aedr.scoring.signals import FittedParameters, add_signals, fit_parameters
from aedr.tables.files import write_table
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.calibration_file import read_calibration
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, REAL, SEVERAL, decide, rank_from_above, weigh
from aedr.verdicts.merging import LEVEL, merge_calibrations
from aedr.verdicts.promise import Promise

METRIC, SIGNAL, AVERAGE = "l2", "residual", Promise(0.05)
PREPROCESSING = {"off_grid": "crop", "precision": "float32"}


def chance(*of: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(of).encode()))


def losses(noise: np.random.Generator, images: int, middle: float, near: float = 0.0) -> pd.DataFrame:
    """Losses with a ratio around e ** `middle`, and for the share `near` of the images like that of own images."""
    second = np.exp(noise.normal(-4, 0.5, images))
    ratio = np.where(noise.random(images) < near, 0, middle) + noise.normal(0, 0.15, images)
    return pd.DataFrame({"first_loss": second * np.exp(ratio), "second_loss": second, "metric": METRIC})


def study(
    families: str, seed: int = 0, images: int = 60, photographs: range = range(60), own: float = 0.0, near: float = 0.0
) -> Calibration:
    """A study of families, a letter each, which decoded images that depend on the seed.

    Photographs are the same in every study, by their numbers. Signals of own images are around `own`, and the share
    `near` of photographs is near to each family.
    """
    rows, described = [], {}
    for family in families:
        parameters = fit_parameters(losses(chance(seed, family, "fitting"), images, own), np.full(images, 0.5))
        described[family] = {
            "members": [family],
            "encoder_sha256": f"{ord(family):064x}",
            "decoder_sha256": f"{ord(family):064x}",
            "factor": 8,
            "preprocessing": PREPROCESSING,
            "fitted": {METRIC: vars(parameters)},
        }
        for source in [*families, "photographs"]:
            is_real = source == "photographs"
            made = chance(source) if is_real else chance(seed, source)
            numbers = list(photographs) if is_real else list(range(images))
            measured = losses(
                chance(seed, family, source), len(numbers), own if source == family else 2.5, near * is_real
            )
            rows.append(
                measured.assign(
                    image_id=[f"{source}/{number}" for number in numbers],
                    homogeneity=made.uniform(0.2, 0.8, 1000)[numbers],
                    autoencoder=family,
                    source=source,
                    belonging=source == family,
                    width=64,
                    height=64,
                    value=lambda table, parameters=parameters: add_signals(table, parameters)[SIGNAL],
                    group=lambda table: table["image_id"],
                )
            )
    description = {
        "metric": METRIC,
        "second_metric": None,
        "signal": SIGNAL,
        "real_sources": ["photographs"],
        "versions": {"numpy": f"2.{seed}"},
        "families": described,
    }
    return Calibration(description, pd.concat(rows, ignore_index=True), {family: family for family in families})


def part_of(whole: Calibration, families: str) -> Calibration:
    """The study that measured only some of the families, and images of these and photographs."""
    rows = whole.rows[whole.rows["autoencoder"].isin(list(families))]
    rows = rows[rows["source"].isin([*families, "photographs"])]
    described = {family: whole.description["families"][family] for family in families}
    return Calibration({**whole.description, "families": described}, rows, {family: family for family in families})


def changed(calibration: Calibration, family: str | None = None, **changes: object) -> Calibration:
    """The calibration with other entries in its description, or in that of one family."""
    description = dict(calibration.description)
    if family is not None:
        changes = {"families": {**description["families"], family: {**description["families"][family], **changes}}}
    return replace(calibration, description={**description, **changes})


def test_a_study_in_two_parts_is_the_whole_again_as_far_as_the_parts_measured_it(tmp_path) -> None:
    whole = study("abc", near=0.1)
    merged = merge_calibrations({"ab": part_of(whole, "ab"), "c": part_of(whole, "c")})
    write_table(tmp_path / "merged.parquet", "reference", merged.rows, {"calibration": merged.description})
    expected, found = (each.reference(AVERAGE) for each in (whole, read_calibration(tmp_path / "merged.parquet")))
    assert {name: sorted(own) for name, own in found.own.items()} == {
        name: sorted(own) for name, own in expected.own.items()
    }
    pd.testing.assert_frame_equal(found.others[REAL], expected.others[REAL])
    assert {kind: list(table) for kind, table in found.others.items()} == {"a": ["b"], "b": ["a"], REAL: list("abc")}
    pd.testing.assert_series_equal(found.others["a"]["b"], expected.others["a"]["b"])
    assert found.unmeasured == {"a": {"c"}, "b": {"c"}, "c": {"a", "b"}} and expected.unmeasured == {}
    assert {kind: found.owners(kind) for kind in "abc"} == {kind: {kind} for kind in "abc"}
    assert "merged from several studies" in " ".join(found.warnings) and expected.warnings == ()


def test_an_image_is_not_given_to_a_stranger_of_its_own_autoencoder() -> None:
    """Nobody measured how near images of a come to c."""
    for weak, near_both in [(False, (SEVERAL, ("a", "c"))), (True, (CANNOT_SAY, ()))]:
        ab, c = study("ab"), study("c", seed=1)
        if weak:
            is_near = (ab.rows["autoencoder"] == "a") & (ab.rows["source"] == "photographs")
            ab.rows.loc[is_near, ["first_loss", "second_loss"]] = [0.016, 0.02]
        reference = merge_calibrations({"ab": ab, "c": c}).reference(AVERAGE)
        for of_a, expected in [(0.0, near_both), (2.5, (FAMILY, ("c",)))]:
            evidence = weigh(reference, {"a": of_a, "b": 2.5, "c": 0.0})
            answer = decide(evidence, 0.05, {kind: reference.owners(kind) for kind in "ab"}, None, reference.strangers)
            assert (answer.verdict, answer.autoencoders) == expected
    assert decide(weigh(reference, {"a": 0.0, "b": 2.5, "c": 0.0}), 0.05).autoencoders == ("c",)
    answer = decide(weigh(reference, {"a": 0.0, "b": 2.5, "c": 0.0}), 0.05, strangers=reference.strangers)
    assert answer.reason is not None
    assert "it may be an own image of a, and these were not measured under c" in answer.reason


def test_real_images_are_given_to_families_of_several_studies_no_more_often_than_promised() -> None:
    """Each study has 200 photographs that the other lacks, which would make p-values too small."""
    named = images = 0
    for seed in range(20):
        studies = {
            "ab": study("ab", 2 * seed, photographs=range(300), near=0.3),
            "c": study("c", 2 * seed + 1, photographs=range(200, 500), near=0.3),
        }
        merged = merge_calibrations(studies)
        reference = merged.reference(AVERAGE)
        assert len(reference.others[REAL]) == 100
        noise = chance("query", seed)
        asked = {
            name: add_signals(
                losses(noise, 100, 2.5, 0.3).assign(homogeneity=0.5),
                FittedParameters(**merged.families[name]["fitted"][METRIC]),
            )[SIGNAL]
            for name in "abc"
        }
        for signals in pd.DataFrame(asked).to_dict("records"):
            named += bool(decide(weigh(reference, signals), 0.05, None, None, reference.strangers).autoencoders)
        images += 100
    # The share of one calibration has a standard deviation of 0.022.
    assert 0.02 < named / images <= 0.05 + 3 * np.sqrt(0.022**2 / 20 + 0.05 * 0.95 / images)


def test_own_images_of_a_family_of_several_studies_are_ranked_by_one_signal() -> None:
    p_values = []
    for seed in range(60):
        try:
            merged = merge_calibrations({"ab": study("ab", 2 * seed, 20), "ac": study("ac", 2 * seed + 1, 20)})
        except UserError:
            continue
        own, parameters = merged.reference(AVERAGE).own["a"], merged.families["a"]["fitted"][METRIC]
        noise = chance("query", seed)
        new = add_signals(losses(noise, 1, 0).assign(homogeneity=0.5), FittedParameters(**parameters))[SIGNAL]
        p_values.append(AVERAGE.p_value(rank_from_above(own, float(new.iloc[0])), len(own)) - noise.random() / 41)
    assert len(own) == 40 and kstest(p_values, "uniform").pvalue > 0.01
    # These agree, and few such studies are refused.
    assert 60 - len(p_values) <= 60 * (LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / 60))
    rows = merged.rows[merged.rows["autoencoder"] == "a"]
    np.testing.assert_allclose(rows["value"], add_signals(rows, FittedParameters(**parameters))[SIGNAL])
    # Each study made its own images with a.
    assert set(rows["source"]) == {"a", "b", "photographs", "a (study 2)", "c"}
    assert merged.reference(AVERAGE).owners("a (study 2)") == {"a"}


def test_own_images_that_differ_are_refused() -> None:
    with pytest.raises(UserError, match=r"2: own images of a have another residual by l2 than in 1 \(distributions"):
        merge_calibrations({"1": study("ab"), "2": study("ac", 1, own=0.2)})


def test_a_study_that_was_extended_adds_no_own_images_that_may_have_been_fitted_on() -> None:
    first, extended = study("a"), study("ab", images=90)
    merged = merge_calibrations({"first": first, "extended": extended})
    assert len(merged.reference(AVERAGE).own["a"]) == 60
    # The same images, so also the same source, which was measured under b.
    assert merged.reference(AVERAGE).unmeasured == {}
    assert set(merged.rows["source"]) == {"a", "b", "photographs"}


@pytest.mark.parametrize(
    "other, message",
    [
        (changed(study("c"), metric="l1"), "2: metric is l1, and l2 in 1; export both"),
        (changed(study("c"), signal="loss_ratio"), "2: signal is loss_ratio, and residual in 1"),
        (changed(study("c"), "c", preprocessing=PREPROCESSING | {"off_grid": "search"}), "2: off_grid is search, and"),
        (
            changed(study("ac"), "a", preprocessing=PREPROCESSING | {"precision": "bfloat16"}),
            "2: precision of a is bfloat16, and float32 in 1; make them equal",
        ),
        (changed(study("ac"), "a", decoder_sha256="f" * 64), "2: a has other weights (decoder ffffffffffff) than in 1"),
        (study("c", photographs=range(60, 120)), "no real image was measured under all of a, b, c"),
        (changed(study("c"), real_sources=[]), "the images of photographs are real in one study and not in another"),
        (changed(study("c"), studies=2), "2 is merged already; name the files"),
    ],
)
def test_what_cannot_be_merged_is_named(other, message) -> None:
    with pytest.raises(UserError) as error:
        merge_calibrations({"1": study("ab"), "2": other})
    assert message in str(error.value)


def test_settings_of_one_autoencoder_may_differ_from_anothers() -> None:
    other = changed(study("c"), "c", preprocessing=PREPROCESSING | {"precision": "bfloat16"})
    merged = merge_calibrations({"1": study("ab"), "2": other})
    assert merged.families["c"]["preprocessing"]["precision"] == "bfloat16"
    assert merged.description["versions"] == {"numpy": "2.0"} and merged.description["studies"] == 2
