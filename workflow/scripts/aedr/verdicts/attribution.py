"""Attribution: from the losses of new images to their verdicts."""

from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from aedr.reconstruction.rounding import SMALLEST_FIRST_LOSS
from aedr.study.sources import RESTORED, original_id
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import Evidence, Reference, decide, weigh


def attribute(
    images: pd.DataFrame,
    losses: pd.DataFrame,
    homogeneity: pd.DataFrame,
    calibration: Calibration,
    reference: Reference,
) -> pd.DataFrame:
    """Return the verdicts table: a row for each image.

    Args:
        images, losses, homogeneity: rows of these tables for the same images; losses and homogeneity also for their
            copies at other sizes (the source query-restored).
        calibration: asked about the families in `losses`.
        reference: the calibration's, with what the verdicts promise.
    """
    signal, level = calibration.signal, reference.promise.level
    owners = {kind: reference.owners(kind) for kind in reference.others}
    signals = calibration.signals(losses, homogeneity)
    signals["restored"] = signals["source"] == RESTORED
    by_image = dict(list(signals.groupby(signals["image_id"].map(original_id))))
    # If the grid is searched, a size off the grid is not an obstacle.
    factors = [
        family["factor"] for family in calibration.families.values() if family["preprocessing"]["off_grid"] != "search"
    ]
    texture = homogeneity.set_index("image_id")["homogeneity"]
    verdicts = []
    for image in images.itertuples():
        rows = by_image[image.image_id]
        if isinstance(image.reason, str):
            verdict = decide((), level, obstacle=image.reason)
        elif texture[image.image_id] == 1:
            verdict = decide((), level, obstacle="one flat colour: there is nothing to measure")
        elif rows[signal].isna().all():
            reason = next(iter(rows["reason"].dropna()), "a loss is zero: the image is reproduced exactly")
            verdict = decide((), level, obstacle=reason)
        else:
            obstacle = _obstacle(image, rows, factors, reference)
            verdict = decide(_evidence(reference, rows, signal), level, owners, obstacle)
        verdicts.append(
            {
                "image_id": image.image_id,
                "verdict": verdict.verdict,
                "autoencoders": list(verdict.autoencoders),
                "reason": verdict.reason,
                "sha256": image.sha256,
                "width": image.width,
                "height": image.height,
                "evidence": [_row(e) for e in verdict.evidence],
            }
        )
    return pd.DataFrame(verdicts)


def _evidence(reference: Reference, rows: pd.DataFrame, signal: str) -> tuple[Evidence, ...]:
    """Return what each autoencoder says about one image, at the size where the signal is nearest to its own images."""
    sizes = list(zip(rows["width"], rows["height"], strict=True))
    # A restored copy counts only at a common size of the autoencoder's own images.
    candidate = [
        not row.restored or size in reference.sizes[row.autoencoder]
        for row, size in zip(rows.itertuples(), sizes, strict=True)
    ]
    rows = rows[candidate].dropna(subset=[signal])
    tried = rows["image_id"].nunique()
    nearest = rows.sort_values(signal, kind="stable").drop_duplicates("autoencoder").set_index("autoencoder")
    nearest = nearest.loc[[name for name in reference.own if name in nearest.index]]
    evidence = []
    for weighed in weigh(reference, nearest[signal].to_dict(), tried):
        row = nearest.loc[weighed.autoencoder]
        roughest, smoothest = reference.textures[weighed.autoencoder]
        obstacle = caveat = None
        if _is_rounding(row):
            obstacle = _unstable([weighed.autoencoder])
        elif row["homogeneity"] > smoothest:
            obstacle = (
                f"smoother (homogeneity {row['homogeneity']:.2f}) than any own image of {weighed.autoencoder} "
                f"({smoothest:.2f}): such an image comes near to any autoencoder"
            )
        size = f"{row['width']:.0f}x{row['height']:.0f}"
        if row["restored"]:
            caveat = f"found after a resize to {size}, which the p-values do not account for"
        elif (row["width"], row["height"]) not in reference.sizes[weighed.autoencoder]:
            caveat = f"few or no own images of {weighed.autoencoder} have {size} pixels: the p-values may not hold"
        elif row["homogeneity"] < roughest:
            caveat = (
                f"rougher (homogeneity {row['homogeneity']:.2f}) than any own image of {weighed.autoencoder} "
                f"({roughest:.2f}): other contents, so the p-values may not hold"
            )
        evidence.append(
            replace(
                weighed,
                width=int(row["width"]),
                height=int(row["height"]),
                offset_rows=None if pd.isna(row["offset_rows"]) else int(row["offset_rows"]),
                offset_columns=None if pd.isna(row["offset_columns"]) else int(row["offset_columns"]),
                obstacle=obstacle,
                caveat=caveat,
            )
        )
    return tuple(evidence)


def _row(evidence: Evidence) -> dict[str, Any]:
    """Return what the verdicts table holds of the evidence: of the other sources, the nearest."""
    source, p_value = evidence.nearest_foreign or (None, None)
    row = asdict(evidence)
    del row["foreign"]
    return row | {"foreign_p_value": p_value, "foreign_source": source}


def _obstacle(image: Any, rows: pd.DataFrame, factors: list[int], reference: Reference) -> str | None:
    """Return why *none of these* would mean nothing: only rounding was measured, or the image is off the grid or may
    have been resized.
    """
    unstable = [row["autoencoder"] for _, row in rows.iterrows() if _is_rounding(row)]
    if unstable:
        return _unstable(list(dict.fromkeys(unstable)))
    size = f"{image.width:.0f}x{image.height:.0f}"
    off = sorted({factor for factor in factors if image.width % factor or image.height % factor})
    if off:
        return (
            f"off the grid: {size} is not a multiple of {off[-1]} pixels, so the image was cropped or resized, or was "
            "not decoded by these autoencoders"
        )
    as_it_is = rows[~rows["restored"]]
    sizes = zip(as_it_is["autoencoder"], as_it_is["width"], as_it_is["height"], strict=True)
    if any((width, height) in reference.sizes[autoencoder] for autoencoder, width, height in sizes):
        return None
    return (
        f"few or no own images of these autoencoders have {size} pixels, so the image was resized, or is of another "
        "kind, or was not decoded by them"
    )


def _is_rounding(row: pd.Series) -> bool:
    """Return whether the first loss is less than what rounding to 8 bits alone leaves."""
    return bool(row["first_loss"] < SMALLEST_FIRST_LOSS.get(row["metric"], 0))


def _unstable(autoencoders: list[str]) -> str:
    return (
        f"unstable: the loss under {', '.join(autoencoders)} is less than what rounding to 8 bits takes from an image "
        "with texture, so the signal only measures rounding errors"
    )


def flatten(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts table with the evidence of each autoencoder in its own columns, for CSV."""
    flat = verdicts.drop(columns="evidence").assign(autoencoders=verdicts["autoencoders"].str.join(" "))
    columns = [
        {f"{key}_{entry['autoencoder']}": entry[key] for entry in evidence for key in entry if key != "autoencoder"}
        for evidence in verdicts["evidence"]
    ]
    return pd.concat([flat, pd.DataFrame(columns, index=flat.index)], axis=1)
