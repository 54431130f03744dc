"""The verdict on an image of which nothing but rounding was measured."""

import numpy as np
import pandas as pd
import pytest

from aedr.observations.history import GREY, JPEG, PIXELS, RECODED, History
from aedr.reconstruction.rounding import SMALLEST_FIRST_LOSS
from aedr.verdicts.attribution import attribute
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE
from aedr.verdicts.promise import Promise

METRIC = "high_frequency"


def verdict(
    first_loss: float, second_loss: float, texture: float = 0.5, history: History | None = None
) -> tuple[str, str | None]:
    """Return the verdict on one image, and its reason."""
    answer = verdicts_of(["query/x.png"], first_loss, second_loss, texture, history)
    return answer["verdict"].iloc[0], answer["reason"].iloc[0]


def verdicts_of(
    image_ids: list[str], first_loss: float, second_loss: float, texture: float = 0.5, history: History | None = None
) -> pd.DataFrame:
    """Return verdicts on images with these losses under an autoencoder whose own images have ratios around 1.2."""
    chance = np.random.default_rng(0)
    names = [
        "autoencoder",
        "image_id",
        "metric",
        "source",
        "group",
        "belonging",
        "value",
        "homogeneity",
        "width",
        "height",
    ]
    reference = pd.DataFrame(
        [
            (
                "a",
                f"{own}/{i}",
                METRIC,
                str(own),
                f"{own}/{i}",
                own,
                np.exp(chance.normal(0.2 if own else 2, 0.1)),
                0.4 + i / 80,
                64,
                64,
            )
            for own in (True, False)
            for i in range(40)
        ],
        columns=names,
    )
    description = {
        "metric": METRIC,
        "signal": "loss_ratio",
        "real_sources": ["False"],
        "families": {
            "a": {
                "factor": 8,
                "preprocessing": {"off_grid": "crop"},
                "fitted": {METRIC: {"exponent": 0.0, "slope": 1.0, "intercept": 0.0, "cap": 1e9}},
            }
        },
    }
    size = {"width": 64, "height": 64}
    images = [{"image_id": name, "source": "query", "reason": None} for name in image_ids]
    measured = size | {"autoencoder": "a", "metric": METRIC, "offset_rows": None, "offset_columns": None}
    measured |= {"orientation": None, "first_loss": first_loss, "second_loss": second_loss}
    calibration = Calibration(description, reference, {"a": "a"})
    return attribute(
        pd.DataFrame([image | size | {"sha256": "0"} for image in images]),
        pd.DataFrame([image | measured for image in images]),
        pd.DataFrame([image | {"homogeneity": texture} for image in images]),
        calibration,
        calibration.reference(Promise(0.05)),
        pd.DataFrame([image | {"history": history.to_json()} for image in images]) if history else None,
    ).set_index("image_id")


@pytest.mark.parametrize("ratio, otherwise", [(1.2, FAMILY), (8.0, NONE)])
def test_an_image_of_which_only_rounding_was_measured_is_neither_given_nor_denied(ratio, otherwise) -> None:
    above, below = 1.1 * SMALLEST_FIRST_LOSS[METRIC], 0.9 * SMALLEST_FIRST_LOSS[METRIC]
    assert verdict(above, above / ratio) == (otherwise, None)
    answer, reason = verdict(below, below / ratio)
    assert answer == CANNOT_SAY and str(reason).startswith("unstable: the loss under a is less")


@pytest.mark.parametrize("texture, says", [(0.3, "rougher"), (0.5, None), (0.95, None)])
def test_a_denial_of_an_image_rougher_than_all_own_images_says_so(texture, says) -> None:
    above = 1.1 * SMALLEST_FIRST_LOSS[METRIC]
    answer, reason = verdict(above, above / 8, texture)
    assert answer == NONE and (reason is None) == (says is None) and (says or "") in (reason or "")


def test_an_image_smoother_than_all_own_images_is_not_given_to_them() -> None:
    above = 1.1 * SMALLEST_FIRST_LOSS[METRIC]
    answer, reason = verdict(above, above / 1.2, 0.95)
    assert answer == CANNOT_SAY and "smoother" in str(reason)


@pytest.mark.parametrize(
    "history, says",
    [
        (History(PIXELS, "PNG"), None),
        (History(JPEG, "JPEG", 75), "a JPEG of quality 75, and by high-frequency own images that were compressed"),
        (History(RECODED, "WEBP", 80), "a lossy WEBP of about quality 80"),
        (History(PIXELS, "PNG", obstacle=GREY), "grey"),
        (History(PIXELS, "PNG", without_detail=True), "a resize would have left no trace"),
    ],
)
def test_an_image_is_denied_only_after_a_history_that_the_calibration_covers(history, says) -> None:
    above = 1.1 * SMALLEST_FIRST_LOSS[METRIC]
    answer, reason = verdict(above, above / 8, history=history)
    assert (answer == NONE) == (says is None) and (says or "") in (reason or "")
    # Whatever its history, an image that is near is not denied.
    assert verdict(above, above / 1.2, history=history)[0] == FAMILY


def test_neither_a_part_of_a_picture_nor_the_picture_is_denied() -> None:
    above = 1.1 * SMALLEST_FIRST_LOSS[METRIC]
    whole, part = "query/x.png", "query/x.png#xywh=0,0,64,64"
    for names in ([whole, part], [part, whole]):
        answers = verdicts_of(names, above, above / 8)
        assert (answers.loc[whole, "verdict"], answers.loc[part, "verdict"]) == (CANNOT_SAY, CANNOT_SAY)
        assert "by themselves" in answers.loc[whole, "reason"] and "it is a part" in answers.loc[part, "reason"]
        assert set(verdicts_of(names, above, above / 1.2)["verdict"]) == {FAMILY}
    assert set(verdicts_of([whole, "query/y.png"], above, above / 8)["verdict"]) == {NONE}
