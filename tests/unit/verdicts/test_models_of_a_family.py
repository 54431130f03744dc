"""Which model of a family: what is promised of its own images, and of images of models that are not in the study."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from aedr.denoisers.signals import ROUNDS, fit_bias, margins
from aedr.errors import UserError
from aedr.scoring.signals import HELD_OUT
from aedr.tables.files import write_table
from aedr.verdicts import model_accuracy
from aedr.verdicts.decision import rank_from_above
from aedr.verdicts.model_attribution import add_models
from aedr.verdicts.model_calibration import check_families, match_models, read_model_calibration
from aedr.verdicts.models import (
    CANNOT_SAY_WHICH,
    MODEL,
    NO_MODEL,
    SEVERAL_MODELS,
    Family,
    decide_model,
    images_of_family,
    signal_rows,
    warnings_of,
)
from aedr.verdicts.promise import Promise

MODELS = ("a", "b", "c", "d")
LEVELS = [0.1, 0.2, 0.3]
PROMISE = Promise(0.1)


def draw(made_by: list[int | None], seed: int, advantage: float, kinship: float = 0.0) -> np.ndarray:
    """Return errors of images, shape (images, models, levels): hard and easy ones, better known to their makers."""
    noise = np.random.default_rng(seed)
    contents = noise.normal(0, 0.5, (len(made_by), 1, 1))
    logs = contents + noise.normal(0, 0.02, (len(made_by), len(MODELS), len(LEVELS)))
    for row, model in enumerate(made_by):
        if model is not None:
            logs[row, model] -= advantage
            # Models are related in pairs.
            logs[row, model ^ 1] -= kinship
    # Some denoisers are worse throughout, which a bias must mend.
    return np.exp(logs + np.array([0, 0.04, -0.04, 0.06])[:, None])


def family(
    seed: int = 1, images: int = 60, advantage: float = 0.05, is_closed: bool = False, kinship: float = 0.0
) -> Family:
    made_by = [number for number in range(len(MODELS)) for _ in range(images)]
    rows = pd.DataFrame({"source": [MODELS[number] for number in made_by]})
    rows["image_id"] = [f"{source}/{number}" for number, source in enumerate(rows["source"])]
    rows["group"], rows["split"] = rows["image_id"], ["fitting", "held_out"] * (len(rows) // 2)
    return Family("a", MODELS, "log_error", rows, draw(made_by, seed, advantage, kinship), is_closed)


def verdicts(asked: Family, errors: np.ndarray) -> list:
    reference = asked.reference(PROMISE)
    return [decide_model(reference, dict(zip(asked.models, row, strict=True))) for row in asked.signals(errors)]


@pytest.mark.parametrize("advantage, is_closed", [(0.0, True), (0.02, True), (0.05, True), (0.05, False)])
def test_own_images_are_seldom_denied_and_seldom_given_to_others(advantage, is_closed) -> None:
    """Over calibrations, since the level is kept on average; the bounds are the binomial law's, at one in 10,000."""
    wrong = denied = total = 0
    for seed in range(12):
        made_by = [number for number in range(len(MODELS)) for _ in range(10)]
        found = verdicts(family(seed, advantage=advantage, is_closed=is_closed), draw(made_by, 100 + seed, advantage))
        for verdict, model in zip(found, made_by, strict=True):
            total += 1
            denied += verdict.verdict == NO_MODEL
            wrong += bool(verdict.autoencoders) and MODELS[model] not in verdict.autoencoders
    most = binom.ppf(0.9999, total, PROMISE.level)
    assert denied <= most and wrong <= most
    if advantage == 0.05:
        assert sum(v.verdict == MODEL for v in found) >= 0.6 * len(found)


def test_a_model_that_is_not_in_the_study_is_seldom_taken_for_one_that_is() -> None:
    """It knows its images as the others know theirs, so it is like a model that was left out."""
    named = {True: 0, False: 0}
    total = 0
    for seed in range(12):
        for is_closed in named:
            asked = family(seed, is_closed=is_closed)
            found = verdicts(asked, draw([None] * 20, 500 + seed, 0.05))
            named[is_closed] += sum(bool(verdict.autoencoders) for verdict in found)
        total += 20
    assert named[False] <= binom.ppf(0.9999, total, PROMISE.level)
    # Among models that are said to be all, it must be one of these more often.
    assert named[True] >= named[False]


def test_a_relative_that_is_not_in_the_study_is_seldom_taken_for_the_model_that_it_is_related_to() -> None:
    """Since the study's models are related too, images of each come near its relative if it is left out."""
    named = right = 0
    for seed in range(12):
        asked = family(seed, advantage=0.08, kinship=0.05)
        # As near to the first as one of the second is.
        relatives = draw([1] * 20, 900 + seed, 0.0, 0.05)
        named += sum(bool(verdict.autoencoders) for verdict in verdicts(asked, relatives))
        closed = verdicts(replace(asked, is_closed=True), draw([0] * 20, 700 + seed, 0.08, 0.05))
        right += sum(verdict.autoencoders == ("a",) for verdict in closed)
    assert named <= binom.ppf(0.9999, 240, PROMISE.level)
    assert right >= 120


def test_between_two_models_nothing_is_named_unless_one_of_them_must_have_made_the_image() -> None:
    for is_closed in (False, True):
        two = family(is_closed=is_closed).without("d").without("c")
        found = verdicts(replace(two, is_closed=is_closed), draw([0] * 30, 7, 0.05)[:, :2])
        assert any(verdict.autoencoders for verdict in found) == is_closed


def test_the_margin_is_to_the_best_of_the_other_models() -> None:
    scores = np.array([[1.0, 3.0, 2.0], [5.0, 4.5, 4.5]])
    assert margins(scores).tolist() == [[-1.0, 2.0, 1.0], [0.5, 0.0, 0.0]]


def test_a_bias_mends_what_is_worse_throughout_and_nothing_else() -> None:
    made_by = np.array([0, 0, 0, 1, 1, 1])
    scores = np.array([[0.0, 0.2], [0.1, 0.3], [0.0, 0.25], [0.3, 0.35], [0.2, 0.26], [0.25, 0.3]])
    bias = fit_bias(scores, made_by)
    assert ((scores - bias).argmin(1) == made_by).all() and bias[0] == 0 < bias[1]
    assert fit_bias(scores - [0.0, 0.1], made_by).tolist() == [0.0, 0.0]


def biases_one_by_one(scores: np.ndarray, made_by: np.ndarray) -> list[float]:
    """Each model's bias as `fit_bias` describes it: every value between two images is tried on all images."""
    bias = np.zeros(scores.shape[1])

    def share(model: int, value: float) -> float:
        tried = np.where(np.arange(len(bias)) == model, value, bias)
        right = (scores - tried).argmin(1) == made_by
        return np.mean([right[made_by == maker].mean() for maker in np.unique(made_by)])

    for _ in range(ROUNDS):
        before = bias.copy()
        for model in range(1, len(bias)):
            gaps = np.sort(scores[:, model] - np.delete(scores - bias, model, axis=1).min(1))
            tried = [0.0, *(gaps[1:] + gaps[:-1]) / 2]
            shares = [share(model, value) for value in tried]
            bias[model] = min((v for v, one in zip(tried, shares, strict=True) if one > max(shares) - 1e-9), key=abs)
        if np.array_equal(before, bias):
            break
    return bias.tolist()


@pytest.mark.parametrize("rounding", [9, 1, 0])
def test_a_bias_is_the_one_that_trying_each_image_by_image_finds(rounding: int) -> None:
    for seed in range(40):
        chance = np.random.default_rng(seed)
        models = int(chance.integers(2, 5))
        made_by = chance.integers(0, models, int(chance.integers(1, 30)))
        scores = chance.normal(0, 1, (len(made_by), models)).round(rounding)
        scores[np.arange(len(made_by)), made_by] -= 0.5
        assert fit_bias(scores, made_by).tolist() == biases_one_by_one(scores, made_by)


def test_a_held_out_image_is_ranked_among_all_own_images_but_itself() -> None:
    asked = family()
    pairs = [f"{source}/{at // 2}" for at, source in enumerate(asked.images["source"])]
    asked = replace(asked, images=asked.images.assign(group=pairs))
    rows = signal_rows(asked, pd.DataFrame(columns=["error", "image_id", "source", "model", "reason"]), PROMISE)
    held_out = rows[rows["split"] == HELD_OUT].sample(40, random_state=0)
    for row in held_out.itertuples():
        own = asked.reference(PROMISE, but=row.image_id).own[row.model]
        assert row.p_value == PROMISE.p_value(rank_from_above(own, row.margin), len(own))


def test_accuracy_counts_every_held_out_image_once_and_knows_what_was_left_out() -> None:
    rows = pd.DataFrame(model_accuracy.confusion(family(), PROMISE))
    held_out = 30
    assert rows.groupby(["score", "protocol", "left_out", "source"])["answered"].sum().eq(held_out).all()
    left_out = rows[rows["left_out"] != ""]
    assert set(left_out["left_out"]) == set(MODELS) and (left_out["left_out"] == left_out["source"]).all()
    named = left_out[left_out["answer"].isin(MODELS)].groupby("left_out")["share"].sum()
    assert (named <= 0.35).all()
    nearest = rows[
        (rows["protocol"] == "nearest") & (rows["score"] == "log_error") & (rows["answer"] == rows["source"])
    ]
    assert (nearest["share"] > 0.8).all() and (nearest["share_low"] < nearest["share"]).all()


def errors_of(names: list[str], seed: int = 3) -> pd.DataFrame:
    errors = draw([MODELS.index(name.split("/")[1]) for name in names], seed, 0.2)
    return pd.DataFrame(
        [
            {
                "image_id": name,
                "source": "query",
                "model": model,
                "level": level,
                "noise": 0,
                "error": value,
                "reason": None,
            }
            for name, of_image in zip(names, errors, strict=True)
            for model, of_model in zip(MODELS, of_image, strict=True)
            for level, value in zip(LEVELS, of_model, strict=True)
        ]
    )


def test_only_images_of_the_family_get_an_answer_and_a_damaged_one_is_never_denied() -> None:
    names = ["query/a/0", "query/b/1", "query/c/2", "query/d/3"]
    rows = pd.DataFrame(
        {
            "image_id": [*names, "query/e"],
            "verdict": ["family"] * 4 + ["none of these"],
            "autoencoders": [["there"]] * 4 + [[]],
            "history_in_words": [
                "pixels stored without loss",
                None,
                "a JPEG of quality 75",
                "a JPEG of quality 75",
                None,
            ],
        }
    )
    measured = errors_of(names)
    # One that no model knows, one that a model was not asked about.
    measured.loc[measured["image_id"] == names[3], "error"] = 1.0
    measured = measured[(measured["image_id"] != names[1]) | (measured["model"] != "d")]
    asked = {"here": family(advantage=0.2)}
    found = add_models(rows, measured, asked, {"here": "there"}, LEVELS, PROMISE).set_index("image_id")
    assert found.loc[names[0], "model_verdict"] == MODEL and found.loc[names[0], "models"] == ["a"]
    assert [entry["model"] for entry in found.loc[names[0], "model_evidence"]] == list(MODELS)
    assert found.loc[names[1], "model_verdict"] == CANNOT_SAY_WHICH
    assert found.loc[names[3], "model_verdict"] == CANNOT_SAY_WHICH and "JPEG" in found.loc[names[3], "model_reason"]
    assert found.loc["query/e", "model_verdict"] is None
    untouched = rows.assign(history_in_words="pixels stored without loss")
    found = add_models(untouched, measured, asked, {"here": "there"}, LEVELS, PROMISE).set_index("image_id")
    assert found.loc[names[3], "model_verdict"] == NO_MODEL
    assert SEVERAL_MODELS not in set(found["model_verdict"].dropna())


def test_an_image_is_asked_about_at_the_size_at_which_it_was_attributed() -> None:
    evidence = [{"autoencoder": "a", "width": 64, "height": 48}]
    verdict = {"verdict": "family", "autoencoders": ["a"], "evidence": evidence}
    rows = pd.DataFrame(
        [{"image_id": "query/x"} | verdict, {"image_id": "query/y"} | verdict | {"autoencoders": ["b"]}]
    )
    losses = pd.DataFrame(
        {
            "image_id": ["query/x", "query-restored/64x48/x", "query/y"],
            "width": [96.0, 64.0, 64.0],
            "height": [72.0, 48.0, 48.0],
        }
    )
    assert images_of_family(rows, "a", losses) == ["query-restored/64x48/x"]


def description(**digests: str) -> dict:
    models = {
        name: {"denoiser_sha256": digest, "settings": {"precision": "float32"}} for name, digest in digests.items()
    }
    return {"settings": {"levels": LEVELS, "noises": 5}, "families": {"there": models}}


def test_models_are_matched_by_their_weights_and_every_difference_is_named() -> None:
    known = description(a="1" * 64, b="2" * 64)
    settings, precision = {"levels": LEVELS, "noises": 5}, {"precision": "float32"}
    here = {"here": {"mine": "2" * 64, "yours": "1" * 64}}
    matches = match_models(known, here, settings, dict.fromkeys(("mine", "yours"), precision))
    assert matches == {"here": {"family": "there", "models": {"mine": "b", "yours": "a"}}}
    with pytest.raises(
        UserError, match=r"noises is 4 here and 5(.|\n)*mine: precision is float16(.|\n)*other"
    ) as refused:
        match_models(
            known,
            {"here": {"mine": "2" * 64, "other": "3" * 64}},
            settings | {"noises": 4},
            {"mine": {"precision": "float16"}, "other": precision},
        )
    assert "3" * 12 in str(refused.value)


def test_what_can_name_nothing_is_said() -> None:
    assert warnings_of(family(), PROMISE) == [] == warnings_of(family().without("d"), PROMISE)
    (few,) = warnings_of(family(images=20), PROMISE)
    assert "20 images of each of 4 models are too few to name one at level 0.1" in few
    two = family().without("d").without("c")
    assert "between two models nothing can be named" in warnings_of(two, PROMISE)[0]
    assert warnings_of(replace(two, is_closed=True), PROMISE) == []


def test_too_few_images_for_the_promise_are_refused_before_a_denoiser_is_asked() -> None:
    check_families({"a": family()}, PROMISE)
    with pytest.raises(UserError, match="b has 5 held-out images, but level 0.01 needs 99"):
        check_families({"a": family(images=10)}, Promise(0.01))


def write_calibration(path: Path, described: object, levels: int = 3, model: str = "a", error: float = 0.5) -> Path:
    row = {"image_id": "a/0", "source": "a", "group": "a/0", "family": "there", "model": model, "split": "held_out"}
    write_table(path, "model_reference", [row | {"errors": [error] * levels}], {"models": described})
    return path


def test_a_calibration_from_a_stranger_is_refused_with_what_is_wrong(tmp_path) -> None:
    known = description(a="1" * 64, b="2" * 64)
    known["settings"]["refinement_steps"] = 2
    path = tmp_path / "calibration.parquet"
    read, rows = read_model_calibration(write_calibration(path, known))
    assert read == known and len(rows) == 1
    no_levels = known | {"settings": known["settings"] | {"levels": []}}
    for described, changes, message in (
        ([], {}, "not a mapping"),
        (no_levels, {}, "settings.levels"),
        (known | {"families": {"there": {"a": {}}}}, {}, "families.there"),
        (known, {"levels": 2}, "errors that are not 3 positive numbers"),
        (known, {"error": 0.0}, "errors that are not 3 positive numbers"),
        (known, {"error": np.inf}, "errors that are not 3 positive numbers"),
        (known, {"model": "c"}, "rows of c of there, which it does not describe"),
    ):
        with pytest.raises(UserError, match=message):
            read_model_calibration(write_calibration(path, described, **changes))
    write_table(path, "model_reference", [], {})
    with pytest.raises(UserError, match="is not a calibration of the second stage"):
        read_model_calibration(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(UserError, match="is not a calibration of the second stage"):
        read_model_calibration(path)
