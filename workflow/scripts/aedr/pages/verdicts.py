"""The page of verdicts: each image, its answer, and where it falls among the reference images."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from aedr.autoencoders.families import family_label
from aedr.figures.reference import draw_reference
from aedr.pages.page import render_page
from aedr.pages.thumbnails import Thumbnail
from aedr.scoring.accuracy import SHARE_TO_WARN_OF
from aedr.scoring.methods import SIGNAL_NAMES, metric_name
from aedr.study.metrics import OBSERVED
from aedr.study.sources import QUERY
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, REAL, SEVERAL, Reference, name_kind

COUNTED = {
    FAMILY: "decoded by one family",
    SEVERAL: "several possible",
    NONE: "none of these",
    CANNOT_SAY: "cannot say",
}
KINDS = {FAMILY: "family", SEVERAL: "several", NONE: "none", CANNOT_SAY: "unknown"}
# On a page of at most so many images, all evidence is open and pictures are large.
FEW, LARGE = 40, 448
# All thumbnails of other pages have about so many pixels, as long as the side of each stays between these.
PIXELS, SMALL, MEDIUM = 92_160_000, 96, 224
# How an image was turned before it was measured, by the number of `aedr.observations.operators.ORIENTATIONS`.
TURNED = (
    *("", "turned by 90", "turned by 180", "turned by 270"),
    *("mirrored", "mirrored and turned by 90", "mirrored and turned by 180", "mirrored and turned by 270"),
)


def thumbnail_side(images: int) -> int:
    """Return the largest side of a thumbnail, in pixels, on a page of so many images."""
    return LARGE if images <= FEW else min(MEDIUM, max(SMALL, math.isqrt(PIXELS // images)))


def verdict_page(
    documents: Sequence[Mapping[str, Any]],
    thumbnails: Mapping[str, Thumbnail],
    calibration: Calibration,
    reference: Reference,
    tables: Mapping[str, str],
) -> str:
    """Return one HTML page with embedded images: what `attribute` answered, and the evidence.

    Args:
        documents: those of `aedr.verdicts.documents`.
        thumbnails: of the same images by their ids, with sides of at most `thumbnail_side`.
        tables: the names of files beside the page that have the same, by their formats.
    """
    families, promise = calibration.families, reference.promise
    labels = {name: family_label(family["members"]) for name, family in families.items()}
    figure = draw_reference(
        reference, [{e["autoencoder"]: e["signal"] for e in document["evidence"]} for document in documents], labels
    )
    firsts: dict[str, str] = {}
    images = []
    for document, places in zip(documents, figure.places, strict=True):
        anchor = document["page"].partition("#")[2]
        first = firsts.setdefault(anchor, document["name"])
        images.append(
            {
                **document,
                "anchor": anchor,
                "equal_to": None if first == document["name"] else first,
                "thumbnail": thumbnails[f"{QUERY}/{document['name']}"],
                "headline": _sentence(document["answer"]),
                "model_answer": _sentence(document["made_by"]["answer"]) if document["made_by"] is not None else None,
                "kind": KINDS[document["verdict"]],
                "group": _group(document),
                "leading": _leading(document["evidence"]),
                "bars": list(places.values()),
            }
        )
    counts = {verdict: sum(document["verdict"] == verdict for document in documents) for verdict in COUNTED}
    named = {name: sum(image["group"] == f"family/{name}" for image in images) for name in families}
    return render_page(
        "verdicts.html.j2",
        ["page.js", "verdicts.js"],
        images=images,
        is_few=len(images) <= FEW,
        tables=tables,
        counts=[(counts[verdict], KINDS[verdict], name) for verdict, name in COUNTED.items()],
        named=[(count, f"family/{name}", f"decoded by {labels[name]}") for name, count in named.items() if count],
        labels=labels,
        turned=TURNED,
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
        asks_models=any(document["made_by"] is not None for document in documents),
        others=[(name_kind(kind), len(signals)) for kind, signals in reference.others.items()],
        versions=_list(calibration.description["versions"]),
    )


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _group(document: Mapping[str, Any]) -> str:
    """Return what images with the same answer share: its kind, and the family if it names one."""
    kind, names = document["verdict"], [one["family"] for one in document["decoded_by"]]
    return "/".join([KINDS[kind], *(names if kind == FAMILY else [])])


def _leading(evidence: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the evidence that an image is sorted by: of an autoencoder that is named, else of the nearest one."""
    return max(evidence, key=lambda entry: (entry["is_possible"], entry["p_value"]), default=None)


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


def _list(entries: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in entries.items() if value is not None)
