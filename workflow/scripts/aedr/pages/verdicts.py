"""The page of verdicts: each image, its answer, and where it falls among the reference images."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from aedr.autoencoders.families import family_label
from aedr.figures.reference import draw_reference
from aedr.images.pictures import decode_image
from aedr.pages.page import render_page
from aedr.pages.thumbnails import shrink
from aedr.scoring.accuracy import SHARE_TO_WARN_OF
from aedr.scoring.methods import SIGNAL_NAMES, metric_name
from aedr.study.metrics import OBSERVED
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, REAL, SEVERAL, Reference, name_kind

HEADLINES = {
    FAMILY: "Decoded by {names}'s autoencoder",
    SEVERAL: "Decoded by one of {names}",
    NONE: "Decoded by none of these autoencoders",
    CANNOT_SAY: "Cannot say",
}
COUNTED = {
    FAMILY: "attributed to one family",
    SEVERAL: "several possible",
    NONE: "none of these",
    CANNOT_SAY: "cannot say",
}
KINDS = {FAMILY: "family", SEVERAL: "several", NONE: "none", CANNOT_SAY: "unknown"}
SIDE = 448
# How an image was turned before it was measured, by the number of `aedr.observations.operators.ORIENTATIONS`.
TURNED = (
    *("", "turned by 90", "turned by 180", "turned by 270"),
    *("mirrored", "mirrored and turned by 90", "mirrored and turned by 180", "mirrored and turned by 270"),
)


def verdict_page(verdicts: pd.DataFrame, images: pd.DataFrame, calibration: Calibration, reference: Reference) -> str:
    """Return one HTML page with embedded images: what `attribute` answered, and the evidence."""
    families, promise = calibration.families, reference.promise
    labels = {name: family_label(family["members"]) for name, family in families.items()}
    pictures = images.set_index("image_id")["image"]
    figure = draw_reference(
        reference, [{e["autoencoder"]: e["signal"] for e in evidence} for evidence in verdicts["evidence"]], labels
    )
    shown = []
    for row, places in zip(verdicts.itertuples(), figure.places, strict=True):
        picture = pictures[row.image_id]
        pixels = decode_image(picture["bytes"]) if picture is not None else None
        shown.append(
            {
                "name": row.image_id.split("/", 1)[1],
                "picture": None if pixels is None else shrink(pixels, SIDE),
                "is_enlarged": pixels is not None and max(pixels.shape) <= SIDE / 2,
                "width": None if pixels is None else pixels.shape[1],
                "height": None if pixels is None else pixels.shape[0],
                "headline": HEADLINES[row.verdict].format(names=", ".join(labels[name] for name in row.autoencoders)),
                "kind": KINDS[row.verdict],
                "possible": len(row.autoencoders) > 0,
                "reason": row.reason if isinstance(row.reason, str) else None,
                "history": row.history_in_words if isinstance(row.history_in_words, str) else None,
                "evidence": [
                    {
                        **e,
                        "label": labels[e["autoencoder"]],
                        "turned": TURNED[e["orientation"] or 0],
                        **_say(e, row.autoencoders, promise.level),
                    }
                    for e in row.evidence
                ],
                "bars": list(places.values()),
            }
        )
    counts = verdicts["verdict"].value_counts()
    return render_page(
        "verdicts.html.j2",
        ["page.js"],
        images=shown,
        counts=[(counts.get(verdict, 0), name) for verdict, name in COUNTED.items()],
        metric=metric_name(calibration.metric),
        second=metric_name(calibration.second.metric) if calibration.second is not None else None,
        is_observed=calibration.metric in OBSERVED,
        signal=SIGNAL_NAMES[calibration.signal],
        level=f"{promise.level:g}",
        confidence=promise.confidence,
        warnings=[*reference.warnings, *_weak(reference, labels)],
        figure=figure,
        families=[
            {
                **family,
                "label": labels[name],
                "own": len(reference.own[name]),
                "near": _near(reference, name),
                "preprocessing": _list(family["preprocessing"]),
            }
            for name, family in families.items()
        ],
        others=[(name_kind(kind), len(signals)) for kind, signals in reference.others.items()],
        versions=_list(calibration.description["versions"]),
    )


def _weak(reference: Reference, labels: Mapping[str, str]) -> list[str]:
    """Return a warning for each autoencoder that cannot be told from real images."""
    shares = reference.shares_in_range
    return [
        f"{labels[name]} can hardly be told from {REAL}: {100 * share:.0f} % of them come as near as its own images "
        "do. So an image is seldom given to it. Other answers do not suffer."
        for name, share in (shares.loc[REAL].items() if REAL in shares.index else ())
        if share >= SHARE_TO_WARN_OF
    ]


def _near(reference: Reference, autoencoder: str) -> str:
    """Say how many real images and images of the nearest other source lie in the range of an autoencoder's own."""
    shares = reference.shares_in_range[autoencoder].dropna()
    foreign = shares.drop(REAL, errors="ignore").sort_values(ascending=False, kind="stable")
    parts = [f"{100 * shares[REAL]:.0f} % of {REAL}"] if REAL in shares else []
    parts += [f"{100 * share:.0f} % of {kind}" for kind, share in foreign.head(1).items()]
    return ", ".join(parts)


def _say(evidence: Mapping[str, Any], named: Sequence[str], level: float) -> dict[str, Any]:
    """Say how `aedr.verdicts.decision.decide` judged one autoencoder's evidence."""
    is_possible = evidence["autoencoder"] in named
    if is_possible:
        says = "possible"
    elif evidence["p_value"] <= level:
        doubts = [evidence[why] for why in ("obstacle", "caveat") if evidence[why]]
        says = "too far for one of its own" + (f" ({'; '.join(doubts)})" if doubts else "")
    elif evidence["corrected_p_value"] is not None and evidence["corrected_p_value"] > level:
        says = "near, but so are too many real images"
    elif evidence["foreign_p_value"] is not None and evidence["foreign_p_value"] > level and not evidence["obstacle"]:
        says = f"near, but so are too many images of {evidence['foreign_source']}"
    else:
        says = f"near, but {evidence['obstacle'] or 'another metric contradicts it'}"
    return {"is_possible": is_possible, "says": says}


def _list(entries: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in entries.items() if value is not None)
