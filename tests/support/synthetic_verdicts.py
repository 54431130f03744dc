"""Verdicts on images that nobody made, and their page, with every answer and names that would break a careless page."""

from pathlib import Path

import numpy as np
import pandas as pd

from aedr.pages.verdicts import verdict_page
from aedr.verdicts.attribution import attribute
from aedr.verdicts.calibration import Calibration
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


def write_page(folder: Path, real_near: str | None = None) -> Path:
    """Attribute the images of `QUERY`, write the page to `folder` and return its file.

    Real images are near to the family `real_near`, and far from the others.
    """
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
    images = pd.DataFrame({"image_id": ids, "sha256": "0", "width": 64, "height": 64, "reason": reasons})
    images["image"] = [None if reason else {"bytes": picture(chance, 64), "path": "x.jpg"} for reason in reasons]
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
    reference = calibration.reference(Promise(0.05))
    verdicts = attribute(images, losses, homogeneity, calibration, reference)
    page = folder / "verdicts.html"
    page.write_text(verdict_page(verdicts, images, calibration, reference), encoding="utf-8")
    return page
