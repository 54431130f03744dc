"""The documents of verdicts: for each image, what is said of it and by what, complete without the others.

`workflow/schemas/verdict.schema.json` describes one.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aedr.autoencoders.families import family_label
from aedr.study.sources import QUERY
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, SEVERAL
from aedr.verdicts.models import CANNOT_SAY_WHICH, MODEL, NO_MODEL, SEVERAL_MODELS
from aedr.verdicts.promise import Promise

# Raised when a key is removed, or changes its meaning.
VERSION = 1
ANSWERS = {
    FAMILY: "decoded by {names}",
    SEVERAL: "decoded by one of {names}",
    NONE: "decoded by none of these autoencoders",
    CANNOT_SAY: "cannot say",
}
MODEL_ANSWERS = {
    MODEL: "made by {names}",
    SEVERAL_MODELS: "made by one of {names}",
    NO_MODEL: "made by none of these models of the family",
    CANNOT_SAY_WHICH: "cannot say by which of its models",
}
DIGITS_OF_AN_ANCHOR = 16
# The columns of the verdicts table that have keys of their own. All others, such as claims, are `further` ones.
WITH_KEYS = (
    "image_id",
    "verdict",
    "autoencoders",
    "reason",
    "history_in_words",
    "sha256",
    "width",
    "height",
    "evidence",
    "model_verdict",
    "models",
    "model_reason",
    "model_evidence",
)


def verdict_documents(
    verdicts: pd.DataFrame,
    calibration: Calibration,
    promise: Promise,
    calibration_sha256: str,
    software: Mapping[str, str],
    page: str,
) -> list[dict[str, Any]]:
    """Return the document of each row of the verdicts table, made of plain values.

    Args:
        calibration: asked about the families in the table; `calibration_sha256` is the hash of its file.
        promise: what the verdicts keep.
        software: what decided, by name, with its version.
        page: the name of the file of the page of verdicts.
    """
    members = {name: list(family["members"]) for name, family in calibration.families.items()}
    further = [column for column in verdicts if column not in WITH_KEYS]
    shared = {
        "level": promise.level,
        "confidence": promise.confidence,
        "calibration": {
            "sha256": calibration_sha256,
            "metric": calibration.metric,
            "second_metric": calibration.second.metric if calibration.second is not None else None,
            "signal": calibration.signal,
        },
        "software": dict(software),
    }
    documents = []
    for row, anchor in zip(verdicts.to_dict("records"), _anchors(verdicts), strict=True):
        row = _plain(row)
        names = row["autoencoders"]
        documents.append(
            {
                "version": VERSION,
                "name": row["image_id"].removeprefix(f"{QUERY}/"),
                "sha256": row["sha256"],
                "width": _whole(row["width"]),
                "height": _whole(row["height"]),
                "verdict": row["verdict"],
                "answer": ANSWERS[row["verdict"]].format(
                    names=", ".join(family_label(members[name]) for name in names)
                ),
                "decoded_by": [{"family": name, "members": members[name]} for name in names],
                "made_by": _made_by(row),
                "reason": row["reason"],
                "read_as": row["history_in_words"],
                "further": {column: row[column] for column in further},
                "evidence": [
                    {
                        **entry,
                        "members": members[entry["autoencoder"]],
                        "is_possible": entry["autoencoder"] in names,
                        "says": say(entry, names, promise.level),
                    }
                    for entry in row["evidence"]
                ],
                "page": f"{page}#{anchor}",
                **shared,
            }
        )
    return documents


def _made_by(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the second stage says of an image; None if it did not ask about it."""
    if row.get("model_verdict") is None:
        return None
    models = row["models"]
    return {
        "verdict": row["model_verdict"],
        "answer": MODEL_ANSWERS[row["model_verdict"]].format(names=", ".join(models)),
        "models": models,
        "reason": row["model_reason"],
        "evidence": [{**entry, "is_possible": entry["model"] in models} for entry in row["model_evidence"]],
    }


def say(evidence: Mapping[str, Any], named: Sequence[str], level: float) -> str:
    """Say in words how `aedr.verdicts.decision.decide` judged one autoencoder's evidence."""
    if evidence["autoencoder"] in named:
        return "possible"
    if evidence["p_value"] <= level:
        doubts = [evidence[why] for why in ("obstacle", "caveat") if evidence[why]]
        return "too far for one of its own" + (f" ({'; '.join(doubts)})" if doubts else "")
    if evidence["corrected_p_value"] is not None and evidence["corrected_p_value"] > level:
        return "near, but so are too many real images"
    if evidence["foreign_p_value"] is not None and evidence["foreign_p_value"] > level and not evidence["obstacle"]:
        return f"near, but so are too many images of {evidence['foreign_source']}"
    return f"near, but {evidence['obstacle'] or 'another metric contradicts it'}"


def _anchors(verdicts: pd.DataFrame) -> list[str]:
    """Return where each image is on the page: by its file's hash, so that a link stays right when images are added.

    Equal files share an anchor. Files whose hashes only begin alike do not, since strangers could make such files.
    """
    owners: dict[str, str] = {}
    anchors = []
    for image_id, sha256 in zip(verdicts["image_id"], verdicts["sha256"], strict=True):
        # A file that was not read has no hash.
        whole = sha256 if isinstance(sha256, str) else hashlib.sha256(image_id.encode()).hexdigest()
        short = whole[:DIGITS_OF_AN_ANCHOR]
        anchors.append(short if owners.setdefault(short, whole) == whole else whole)
    return anchors


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: numbers that are not finite are missing."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _whole(value: float | None) -> int | None:
    """Return a number of pixels; pandas makes floats of a column in which some are missing."""
    return None if value is None else int(value)
