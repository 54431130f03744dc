"""Signals: the loss ratio and numbers related to it, one value per image, autoencoder and metric."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from aedr.seeds import seed_of

PUBLISHED_SIGNALS = ("first_loss", "loss_ratio", "calibrated_ratio")
FITTED_SIGNALS = ("power_ratio", "residual", "capped_ratio")
# The share of own images whose second loss the cap of the capped ratio leaves as it is.
BELOW_CAP = 0.99
SIGNALS = PUBLISHED_SIGNALS + FITTED_SIGNALS

# Columns that joined losses and homogeneity have, but the signals table does not.
NOT_IN_SIGNALS = ("reason_of_homogeneity", "fit", "offset_rows", "offset_columns", "orientation")
# The parts of a study: images to fit on, and held-out images to score.
FITTING, HELD_OUT = "fitting", "held_out"


@dataclass(frozen=True)
class FittedParameters:
    """The parameters of three signals, fitted only on an autoencoder's own images.

    `exponent` is the power p that makes t * H^p independent of the homogeneity H, for the loss ratio t: minus the slope
    of log t on log H. `slope` and `intercept` are those of the line of log first loss on log second loss. `cap` is a
    second loss that hardly any own image exceeds: a larger one says that the autoencoder does not know its own output
    here, and would make the ratio small for images that are not its own.
    """

    exponent: float
    slope: float
    intercept: float
    cap: float = math.inf


def split_of(group: str, held_out: float) -> str:
    """Return the part of the study that an image is in which stands for itself: `HELD_OUT` for the share `held_out`.

    The part depends only on the name of its group, which is its id: adding or removing images does not move any other.
    """
    return HELD_OUT if seed_of("split", group) < held_out * 2**63 else FITTING


def split_images(images: pd.DataFrame, held_out: float) -> list[str]:
    """Return the part of the study that each image is in, `FITTING` or `HELD_OUT`; no group is in both.

    If a source's images stand for themselves, see `split_of`. Otherwise its groups are few, and a share of each by
    chance could leave a part empty: so they are sorted by their hashes, and the first ones are held out. Adding a group
    moves at most one other.

    Args:
        images: rows with `image_id`, `source` and `group`.
    """
    parts: dict[tuple[str, str], str] = {}
    for source, rows in images.drop_duplicates("image_id").groupby("source"):
        groups = sorted(set(rows["group"]), key=lambda group: seed_of("split", group))
        if len(groups) == len(rows):
            parts |= {(source, group): split_of(group, held_out) for group in groups}
            continue
        held = min(max(round(held_out * len(groups)), 1), max(len(groups) - 1, 1))
        parts |= {(source, group): HELD_OUT if place < held else FITTING for place, group in enumerate(groups)}
    return [parts[key] for key in zip(images["source"], images["group"], strict=True)]


def signals_of(rows: pd.DataFrame) -> tuple[str, ...]:
    """Return the signals that rows of one metric have; a rival without a second loss has only its first loss."""
    return SIGNALS if rows["second_loss"].notna().any() else ("first_loss",)


def log_losses(losses: pd.DataFrame) -> pd.DataFrame:
    """Return the logarithms of first_loss and second_loss in rows of one metric, nan where a loss has no logarithm.

    PSNR, which is stored negated, is already a logarithm.
    """
    values = losses[["first_loss", "second_loss"]].astype(float)
    return values if (losses["metric"] == "psnr").all() else np.log(values.where(values > 0))


def fit_parameters(losses: pd.DataFrame, homogeneity: npt.ArrayLike) -> FittedParameters:
    """Fit the parameters on own images: rows of the losses table of one metric, and each image's homogeneity.

    Nothing is raised: if there are fewer than three images, or all are equal, the signal stays the plain ratio.
    """
    logs = log_losses(losses).assign(homogeneity=np.log(np.asarray(homogeneity, dtype=float)))
    ratio = loss_ratio(losses)
    logs = logs.assign(ratio=np.log(ratio.where(ratio > 0))).dropna()
    slope, intercept = _line(logs["second_loss"], logs["first_loss"], otherwise=1.0)
    exponent, _ = _line(logs["homogeneity"], logs["ratio"], otherwise=0.0)
    second = losses["second_loss"].dropna().astype(float)
    cap = float(second.quantile(BELOW_CAP)) if len(second) else math.inf
    return FittedParameters(-exponent, slope, intercept, cap)


def _line(x: pd.Series, y: pd.Series, otherwise: float) -> tuple[float, float]:
    """Return slope and intercept by least squares; the slope is `otherwise` if no line is defined."""
    if len(x) < 3 or np.ptp(x) == 0:
        return otherwise, float((y - otherwise * x).mean()) if len(x) else 0.0
    slope, intercept = np.polyfit(x, y, 1)
    return float(slope), float(intercept)


def loss_ratio(losses: pd.DataFrame) -> pd.Series:
    """Return first over second loss, nan where a loss is zero; inverted for PSNR, which grows where others shrink."""
    psnr = losses["metric"] == "psnr"
    first, second = losses["first_loss"], losses["second_loss"]
    numerator, denominator = first.where(~psnr, second), second.where(~psnr, first)
    return (numerator / denominator).where((denominator != 0) & (numerator != 0))


def compute_signals(
    losses: pd.DataFrame,
    homogeneity: pd.DataFrame,
    own_sources: set[str],
    held_out: float,
    fitted: Mapping[str, FittedParameters] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join one autoencoder's losses with the images' homogeneity and groups; return tables of signals and parameters.

    Every signal is small for own images. An image without a ratio keeps its row, which then has a reason.

    Args:
        losses: rows of the losses table.
        homogeneity: rows of the homogeneity table for the same images.
        own_sources: the sources of this autoencoder's own images.
        held_out: the share of images that nothing is fitted on.
        fitted: parameters by metric, to use instead of fitting them on the own images here.
    """
    signals = losses.merge(
        homogeneity.drop(columns="source"),
        on="image_id",
        how="left",
        validate="many_to_one",
        suffixes=("", "_of_homogeneity"),
    )
    signals["belonging"] = signals["source"].isin(own_sources)
    signals["split"] = split_images(signals, held_out)
    if fitted is None:
        own = signals[signals["belonging"] & (signals["split"] == FITTING)].groupby("metric", sort=True)
        fitted = {
            str(metric): fit_parameters(rows, rows["homogeneity"])
            for metric, rows in own
            if signals_of(rows) == SIGNALS
        }
    signals = pd.concat(
        [
            add_signals(rows, fitted.get(str(metric), FittedParameters(0.0, 1.0, 0.0)))
            for metric, rows in signals.groupby("metric", sort=False)
        ]
    ).sort_index()
    no_ratio = signals["reason"].isna() & signals["loss_ratio"].isna() & signals["second_loss"].notna()
    signals["reason"] = (
        signals["reason"]
        .astype(object)
        .mask(no_ratio, "a loss is zero: the image is reproduced exactly and has no ratio")
        .fillna(signals["reason_of_homogeneity"])
        .replace({np.nan: None})
    )
    parameters = pd.DataFrame(
        [
            {
                "autoencoder": losses["autoencoder"].iloc[0],
                "metric": metric,
                "exponent": found.exponent,
                "slope": found.slope,
                "intercept": found.intercept,
                "cap": found.cap,
            }
            for metric, found in fitted.items()
        ]
    )
    return signals, parameters


def compute_all_signals(
    losses: pd.DataFrame,
    homogeneity: pd.DataFrame,
    own_sources: Mapping[str, set[str]],
    held_out: float,
    parameters: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of signals and fitted parameters of all autoencoders in `losses`.

    Args:
        own_sources: for each autoencoder, the sources of its own images.
        parameters: rows of a table of fitted parameters, to use instead of fitting them on the own images here.
    """

    def fitted(autoencoder: str) -> dict[str, FittedParameters] | None:
        if parameters is None:
            return None
        rows = parameters[parameters["autoencoder"] == autoencoder]
        return {
            row.metric: FittedParameters(row.exponent, row.slope, row.intercept, row.cap) for row in rows.itertuples()
        }

    signals, fits = zip(
        *[
            compute_signals(rows, homogeneity, own_sources[name], held_out, fitted(name))
            for name, rows in losses.groupby("autoencoder", sort=False)
        ],
        strict=True,
    )
    return pd.concat(signals).drop(columns=list(NOT_IN_SIGNALS), errors="ignore"), pd.concat(fits)


def add_signals(rows: pd.DataFrame, parameters: FittedParameters) -> pd.DataFrame:
    """Return rows of one metric (losses joined with homogeneity) with a column for every signal of `SIGNALS`."""
    ratio, logs = loss_ratio(rows), log_losses(rows)
    capped = rows.assign(second_loss=rows["second_loss"].astype(float).clip(upper=parameters.cap))
    return rows.assign(
        loss_ratio=ratio,
        calibrated_ratio=ratio * rows["homogeneity"],
        power_ratio=ratio * rows["homogeneity"] ** parameters.exponent,
        # An image without a ratio has no other signal of both losses, so that all are scored on the same images.
        residual=(logs["first_loss"] - parameters.slope * logs["second_loss"] - parameters.intercept).where(
            ratio.notna()
        ),
        capped_ratio=loss_ratio(capped).where(ratio.notna()),
    )
