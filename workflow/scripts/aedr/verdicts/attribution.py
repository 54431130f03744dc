"""Attribution: from the losses of new images to their verdicts."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from aedr.observations.history import PIXELS, RECODED, History, describe
from aedr.reconstruction.rounding import SMALLEST_FIRST_LOSS
from aedr.scoring.methods import metric_name
from aedr.study.metrics import OBSERVED
from aedr.study.sources import RESTORED, original_id, whole_id
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import Evidence, Reference, Verdict, contradicted, decide, weigh

WITHOUT_DETAIL = "its finest detail is missing, so a resize would have left no trace, and own images may be as far then"
UNCOVERED_WHOLE = "pictures were found in it, which are asked about by themselves"
UNCOVERED_PART = "it is a part of a picture, and nothing tells whether it was cut where a decoded picture begins"


def attribute(
    images: pd.DataFrame,
    losses: pd.DataFrame,
    homogeneity: pd.DataFrame,
    calibration: Calibration,
    reference: Reference,
    histories: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the verdicts table: a row for each image.

    Args:
        images, losses, homogeneity: rows of these tables for the same images; losses and homogeneity also for their
            copies at other sizes (the source query-restored).
        calibration: asked about the families in `losses`.
        reference: the calibration's, with what the verdicts promise.
        histories: rows of the histories table for the same images and copies. Without them, every image is taken for
            one that was stored without loss.
    """
    level = reference.promise.level
    read = {} if histories is None else _read(histories)
    signals = _by_image(calibration, losses, homogeneity, read)
    second = calibration.second
    second_signals = _by_image(second, losses, homogeneity, read) if second is not None else {}
    # If the grid is searched, a size off the grid is not an obstacle.
    factors = [
        family["factor"] for family in calibration.families.values() if family["preprocessing"]["off_grid"] != "search"
    ]
    texture = homogeneity.set_index("image_id")["homogeneity"]
    divided = _divided(images["image_id"])
    verdicts = []
    for image in images.itertuples():
        rows = signals[image.image_id]
        history = _followed(rows, read) if image.image_id in read else None
        if isinstance(image.reason, str):
            verdict = decide((), level, obstacle=image.reason)
        elif texture[image.image_id] == 1:
            verdict = decide((), level, obstacle="one flat colour: there is nothing to measure")
        else:
            uncovered = divided.get(image.image_id)
            verdict = _verdict(image, rows, calibration, reference, factors, history, uncovered)
            if second is not None and reference.second is not None and verdict.evidence:
                second_rows = second_signals[image.image_id]
                other = _verdict(image, second_rows, second, reference.second, factors, history, uncovered)
                verdict = contradicted(
                    verdict, other, (metric_name(calibration.metric), metric_name(second.metric)), level
                )
        verdicts.append(
            {
                "image_id": image.image_id,
                "verdict": verdict.verdict,
                "autoencoders": list(verdict.autoencoders),
                "reason": verdict.reason,
                "history_in_words": describe(history) if history else None,
                "sha256": image.sha256,
                "width": image.width,
                "height": image.height,
                "evidence": [_row(e) for e in verdict.evidence],
            }
        )
    return pd.DataFrame(verdicts)


def _divided(image_ids: Iterable[str]) -> dict[str, str]:
    """Return why *none of these* would mean nothing for images that parts were cut from, and for these parts."""
    parts = {name: whole for name in image_ids if (whole := whole_id(name)) != name}
    return dict.fromkeys(parts.values(), UNCOVERED_WHOLE) | dict.fromkeys(parts, UNCOVERED_PART)


def _read(histories: pd.DataFrame) -> dict[str, History]:
    known = histories.dropna(subset=["history"])
    return {row.image_id: History.from_json(row.history) for row in known.itertuples()}


def _by_image(
    calibration: Calibration, losses: pd.DataFrame, homogeneity: pd.DataFrame, read: Mapping[str, History]
) -> dict[str, pd.DataFrame]:
    """Return each image's signals, with those of its copies at other sizes.

    If its pixels prove that an image was enlarged, only its copies count.
    """
    signals = calibration.signals(losses, homogeneity)
    original = signals["image_id"].map(original_id)
    enlarged = signals["image_id"].isin([name for name, history in read.items() if history.enlarged_from is not None])
    # Without histories, every copy was brought back to a size that is only likely.
    proved = signals["image_id"].isin([name for name, history in read.items() if history.is_proved])
    signals = signals.assign(restored=(signals["source"] == RESTORED) & ~proved)
    return dict(list(signals[enlarged | ~original.isin(original[enlarged])].groupby(original)))


def _followed(rows: pd.DataFrame, read: Mapping[str, History]) -> History:
    """Return the history by which an image was measured; that of the image itself if several sizes were tried."""
    names = rows["image_id"].unique()
    return read[names[0]] if len(names) == 1 else read[original_id(names[0])]


def _verdict(
    image: Any,
    rows: pd.DataFrame,
    calibration: Calibration,
    reference: Reference,
    factors: list[int],
    history: History | None,
    uncovered: str | None,
) -> Verdict:
    signal, level = calibration.signal, reference.promise.level
    if rows[signal].isna().all():
        reason = next(iter(rows["reason"].dropna()), "a loss is zero: the image is reproduced exactly")
        return decide((), level, obstacle=reason)
    owners = {kind: reference.owners(kind) for kind in reference.others}
    obstacle = _not_covered(history, calibration.metric) or uncovered or _obstacle(image, rows, factors, reference)
    return decide(_evidence(reference, rows, signal), level, owners, obstacle, reference.strangers)


def _not_covered(history: History | None, metric: str) -> str | None:
    """Return why the calibration does not say what own images are like after this history; None if it does."""
    if history is None or (history.kind == PIXELS and history.obstacle is None):
        return WITHOUT_DETAIL if history is not None and history.without_detail else None
    if metric not in OBSERVED:
        return f"it is {describe(history)}, and by {metric_name(metric)} own images that were compressed are not near"
    if history.kind == RECODED:
        return f"it is {describe(history)}, and own images that were compressed like that may be as far"
    return history.obstacle


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
        if row["bounded"]:
            # How near others come to the signal itself is not known, and nothing depends on it.
            weighed = replace(weighed, corrected_p_value=None, foreign={}, is_bounded=True)
        evidence.append(
            replace(
                weighed,
                width=int(row["width"]),
                height=int(row["height"]),
                offset_rows=None if pd.isna(row["offset_rows"]) else int(row["offset_rows"]),
                offset_columns=None if pd.isna(row["offset_columns"]) else int(row["offset_columns"]),
                orientation=None if pd.isna(row["orientation"]) else int(row["orientation"]),
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
    width, height = image.width, image.height
    if set(rows["source"]) == {RESTORED}:
        width, height = rows[["width", "height"]].dropna().iloc[0]
    size = f"{width:.0f}x{height:.0f}"
    off = sorted({factor for factor in factors if width % factor or height % factor})
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
