"""Verdicts on images that nobody made, and their page, with every answer and names that would break a careless page."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from aedr.pages.thumbnails import Thumbnail, thumbnails_of
from aedr.pages.verdicts import thumbnail_side, verdict_page
from aedr.verdicts.attribution import attribute
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import FAMILY, Reference
from aedr.verdicts.documents import verdict_documents
from aedr.verdicts.models import CANNOT_SAY_WHICH
from aedr.verdicts.promise import Promise
from synthetic_study import HOSTILE, METRIC, SIGNAL, picture

FAMILIES = ["model-0", "model-1", "model-2"]
# Signals of each image under each family, its homogeneity, and why it has none.
QUERY = {
    "family.png": ([0.0, 1.2, 1.3], 0.5, None),
    "several.png": ([0.05, 0.0, 1.3], 0.5, None),
    "none.png": ([1.2, 1.0, 1.3], 0.5, None),
    "smooth.png": ([0.0, 1.2, 1.3], 0.97, None),
    "broken.png": ([np.nan] * 3, np.nan, "cannot be decoded: not a picture"),
    f"{HOSTILE}.png": ([1.2, 1.0, -0.1], 0.5, None),
}


# Each image of a larger page has one of so many pictures, because drawing one takes longer than the rest of the page.
MOST_PICTURES = 200
PROMISE = Promise(0.05)
TABLES = {"CSV": "verdicts.csv", "Parquet": "verdicts.parquet", "JSON Lines": "verdicts.jsonl"}

# What the second stage says of the last image that one family decoded.
MADE_BY = {
    "model_verdict": CANNOT_SAY_WHICH,
    "models": [],
    "model_reason": f"as near to {HOSTILE} as own images are",
    "model_evidence": [
        {"model": HOSTILE, "signal": -0.1, "p_value": 0.4, "foreign_p_value": 0.3, "foreign_source": "model-1"},
        {"model": "model-1", "signal": 0.1, "p_value": 0.02, "foreign_p_value": None, "foreign_source": None},
    ],
}


def write_page(folder: Path, real_near: str | None = None, count: int = len(QUERY), side: int = 64) -> Path:
    """Attribute the images of `QUERY`, write the page and the documents to `folder` and return the page's file.

    Args:
        real_near: the family that real images are near to; they are far from the others.
        count: how many images there are. Those after `QUERY` have the answers of the same images again, and names of
            their own; the last has the file of the first.
        side: of the pictures, in pixels.
    """
    verdicts, calibration, reference = attribute_query(real_near)
    repeated = verdicts.iloc[np.arange(count) % len(verdicts)].reset_index(drop=True)
    numbers = np.arange(count) // len(verdicts)
    repeated["image_id"] = [
        name if number == 0 else name.replace("/", f"/{number} ", 1)
        for name, number in zip(repeated["image_id"], numbers, strict=True)
    ]
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in repeated["image_id"]]
    repeated["sha256"] = [*hashes[:-1], hashes[0] if count > len(QUERY) else hashes[-1]]
    repeated["claims_in_words"] = [f"The file claims {HOSTILE}.", *[None] * (count - 1)]
    repeated["claim_agreement"] = ["contradicts", *[None] * (count - 1)]
    asked = repeated.index[repeated["verdict"] == FAMILY][-1]
    said = [MADE_BY if at == asked else dict.fromkeys(MADE_BY) for at in range(count)]
    repeated = repeated.join(pd.DataFrame(said, dtype=object))
    described = verdict_documents(repeated, calibration, PROMISE, "0" * 64, {"aedr": "9.9"}, "verdicts.html")
    chance = np.random.default_rng(10)
    pool = pd.DataFrame(
        {"image_id": [f"{i}" for i in range(min(count, MOST_PICTURES))], "prompt": None, "reason": None}
    )
    pool["image"] = [{"bytes": picture(chance, side)} for _ in pool["image_id"]]
    drawn = thumbnails_of(pool, thumbnail_side(count))
    missing = Thumbnail("broken.png", None, None, None, False, None, "cannot be decoded")
    thumbnails = {
        image_id: drawn[f"{i % len(drawn)}"] if len(evidence) else missing
        for i, (image_id, evidence) in enumerate(zip(repeated["image_id"], repeated["evidence"], strict=True))
    }
    lines = "".join(json.dumps(document) + "\n" for document in described)
    (folder / "verdicts.jsonl").write_text(lines, encoding="ascii")
    page = folder / "verdicts.html"
    page.write_text(verdict_page(described, thumbnails, calibration, reference, TABLES), encoding="utf-8")
    return page


def attribute_query(real_near: str | None = None) -> tuple[pd.DataFrame, Calibration, Reference]:
    """Return the verdicts table of `QUERY`, the calibration that was asked and its reference."""
    chance = np.random.default_rng(9)
    rows = []
    for family in FAMILIES:
        for source, middle, spread in (
            (family, 0.0, 0.16),
            ("photographs", 0.1 if family == real_near else 1.1, 0.3),
            ("film-scans", 1.2, 0.3),
        ):
            for i, value in enumerate(chance.normal(middle, spread, 60)):
                name = f"{source}/{i}"
                row = {"autoencoder": family, "image_id": name, "metric": METRIC, "source": source, "group": name}
                row |= {"belonging": source == family, "value": value, "homogeneity": 0.2 + 0.01 * i}
                rows.append(row | {"width": 64, "height": 64})
    preprocessing = {
        "encoding": "mode",
        "off_grid": "crop",
        "precision": "float32",
        "quantise": True,
        "resize_to": None,
    }
    description = {
        "metric": METRIC,
        "second_metric": None,
        "signal": SIGNAL,
        "real_sources": ["photographs"],
        "versions": {"torch": "9.9"},
        "families": {
            family: {
                "members": [family],
                "encoder_sha256": f"{i:064x}",
                "decoder_sha256": f"{i:064x}",
                "factor": 4,
                "preprocessing": preprocessing,
                "fitted": {METRIC: {"exponent": 0.0, "slope": 1.0, "intercept": 0.0, "cap": 1e9}},
            }
            for i, family in enumerate(FAMILIES)
        },
    }
    ids = [f"query/{name}" for name in QUERY]
    reasons = [reason for _, _, reason in QUERY.values()]
    images = pd.DataFrame({"image_id": ids, "sha256": "0" * 64, "width": 64, "height": 64, "reason": reasons})
    losses = pd.DataFrame(
        [
            {
                "image_id": image_id,
                "source": "query",
                "autoencoder": family,
                "metric": METRIC,
                "first_loss": 0.01 * np.exp(signal),
                "second_loss": 0.01,
                "width": 64,
                "height": 64,
                "offset_rows": None,
                "offset_columns": None,
                "orientation": None,
                "reason": reason,
            }
            for image_id, (signals, _, reason) in zip(ids, QUERY.values(), strict=True)
            for family, signal in zip(FAMILIES, signals, strict=True)
        ]
    )
    homogeneity = pd.DataFrame({"image_id": ids, "homogeneity": [value for _, value, _ in QUERY.values()]})
    calibration = Calibration(description, pd.DataFrame(rows), {family: family for family in FAMILIES})
    reference = calibration.reference(PROMISE)
    return attribute(images, losses, homogeneity, calibration, reference), calibration, reference
