"""Attribution: from the losses of images that nobody has seen to their verdicts."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from aedr.calibration_files import fitted_calibration, reference_of
from aedr.signals import apply_calibration
from aedr.verdicts import decide, weigh


def attribute(
    images: pd.DataFrame,
    losses: pd.DataFrame,
    homogeneity: pd.DataFrame,
    calibration: Mapping[str, Any],
    reference: pd.DataFrame,
    families: Mapping[str, str],
    level: float,
) -> pd.DataFrame:
    """Return the verdicts table: a row for each image.

    Args:
        images, losses, homogeneity: rows of these tables for the same images.
        calibration, reference: a calibration file's description and rows.
        families: the calibration's name of each family in `losses`.
        level: significance level, see `aedr.verdicts.decide`.
    """
    signal = calibration["signal"]
    measured = losses[losses["metric"] == calibration["metric"]].merge(
        homogeneity[["image_id", "homogeneity"]], on="image_id", validate="many_to_one"
    )
    signals = pd.concat(
        [
            apply_calibration(rows, fitted_calibration(calibration, families[name])).assign(autoencoder=families[name])
            for name, rows in measured.groupby("autoencoder", sort=False)
        ]
    ).set_index(["image_id", "autoencoder"])
    compared = reference_of(calibration, reference, list(families.values()))
    # Where the grid was searched for, a size that is off it is no obstacle.
    factors = [
        calibration["families"][name]["factor"]
        for name in compared.own
        if calibration["families"][name]["preprocessing"]["off_grid"] != "search"
    ]
    texture = homogeneity.set_index("image_id")
    verdicts = []
    for image in images.itertuples():
        rows = signals.loc[image.image_id]
        values = rows[signal].dropna()
        obstacle = _obstacle(image, factors)
        if isinstance(image.reason, str) or texture.loc[image.image_id, "homogeneity"] == 1:
            unusable = isinstance(image.reason, str)
            values, obstacle = values[:0], image.reason if unusable else "one flat colour: there is nothing to measure"
        elif values.empty:
            obstacle = next(iter(rows["reason"].dropna()), "a loss is zero: the image is reproduced exactly")
        evidence = weigh(compared, {name: float(values[name]) for name in compared.own if name in values})
        verdict = decide(evidence, level, obstacle)
        verdicts.append(
            {
                "image_id": image.image_id,
                "verdict": verdict.verdict,
                "autoencoders": list(verdict.autoencoders),
                "reason": verdict.reason,
                "sha256": image.sha256,
                "width": image.width,
                "height": image.height,
                "evidence": [asdict(e) for e in verdict.evidence],
            }
        )
    return pd.DataFrame(verdicts)


def _obstacle(image: Any, factors: list[int]) -> str | None:
    """Return why a denial would mean nothing: the image left the grid, or never was on it."""
    off = sorted({factor for factor in factors if image.width % factor or image.height % factor})
    if not off:
        return None
    return (
        f"off the grid: {image.width:.0f}x{image.height:.0f} is no multiple of {off[-1]} pixels, so the picture was "
        "cropped or resized, or never came out of these autoencoders"
    )


def flatten(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts table with the evidence of each autoencoder in columns of its own, for CSV."""
    flat = verdicts.drop(columns="evidence").assign(autoencoders=verdicts["autoencoders"].str.join(" "))
    columns = [
        {f"{key}_{entry['autoencoder']}": entry[key] for entry in evidence for key in entry if key != "autoencoder"}
        for evidence in verdicts["evidence"]
    ]
    return pd.concat([flat, pd.DataFrame(columns, index=flat.index)], axis=1)
