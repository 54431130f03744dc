"""Signals: the loss ratio and its calibration, one for each image, autoencoder and metric."""

import numpy as np
import pandas as pd

SIGNALS = ("first_loss", "loss_ratio", "calibrated_ratio")


def compute_signals(losses: pd.DataFrame, homogeneity: pd.DataFrame, belonging_sources: set[str]) -> pd.DataFrame:
    """Join one autoencoder's losses with the images' homogeneity and return the signals table.

    Every signal is small for a belonging image. PSNR grows where the other losses shrink, so its ratio is turned over.
    An image without a ratio keeps its row and has the reason in it.

    Args:
        losses: rows of the losses table.
        homogeneity: rows of the homogeneity table for the same images.
        belonging_sources: the sources whose images this autoencoder decoded.
    """
    signals = losses.merge(
        homogeneity.drop(columns="source"),
        on="image_id",
        how="left",
        validate="many_to_one",
        suffixes=("", "_of_homogeneity"),
    )
    first, second = signals["first_loss"], signals["second_loss"]
    psnr = signals["metric"] == "psnr"
    numerator, denominator = first.where(~psnr, second), second.where(~psnr, first)
    signals["loss_ratio"] = (numerator / denominator).where((denominator != 0) & (numerator != 0))
    signals["calibrated_ratio"] = signals["loss_ratio"] * signals["homogeneity"]
    signals["belonging"] = signals["source"].isin(belonging_sources)
    no_ratio = signals["reason"].isna() & signals["loss_ratio"].isna()
    signals["reason"] = (
        signals["reason"]
        .astype(object)
        .mask(no_ratio, "a loss is zero: the image is reproduced exactly and has no ratio")
        .fillna(signals["reason_of_homogeneity"])
        .replace({np.nan: None})
    )
    return signals
