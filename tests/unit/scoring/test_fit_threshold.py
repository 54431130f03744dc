"""The job that fits thresholds uses the configured bandwidth, records it, and names an image that decides one."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from aedr.scoring.accuracy import fit_thresholds
from aedr.scoring.signals import NOT_IN_SIGNALS
from aedr.scoring.thresholds import BANDWIDTHS
from aedr.tables.files import read_table, write_table
from fit_threshold import fit_threshold
from scoring_tables import signals_of, tables

SCHEMA = Path(__file__).parents[3] / "workflow/schemas/config.schema.yaml"


def test_the_schema_offers_the_rules_that_there_are() -> None:
    attribution = yaml.safe_load(SCHEMA.read_text())["definitions"]["attribution"]["properties"]
    assert attribution["bandwidth"]["enum"] == list(BANDWIDTHS) and attribution["bandwidth"]["default"] == "scott"


@pytest.mark.parametrize("bandwidth", BANDWIDTHS)
def test_the_bandwidth_is_used_and_recorded(bandwidth, tmp_path, capsys) -> None:
    losses, homogeneity = tables(noise=0.05)
    losses.loc[(losses["image_id"] == "own/3") & (losses["metric"] == "l2"), "first_loss"] = 30
    signals = signals_of(losses, homogeneity)
    files = {name: str(tmp_path / f"{name}.parquet") for name in ("signals", "autoencoders")}
    write_table(files["signals"], "signals", signals.drop(columns=list(NOT_IN_SIGNALS), errors="ignore"), {})
    autoencoder = {"autoencoder": "A", "family": "A", "class": "AutoencoderKL", "factor": 8, "parameters": 1}
    autoencoder |= {"encoder_sha256": "a", "decoder_sha256": "b", "shares_encoder_with": []}
    write_table(files["autoencoders"], "autoencoders", [autoencoder], {})
    output = str(tmp_path / "thresholds.parquet")
    fit_threshold(files["signals"], files["autoencoders"], output, {"A": 0.05}, "exact", bandwidth, "psnr", "residual")
    expected = fit_thresholds(signals, {"A": 0.05}, "exact", bandwidth=bandwidth)["threshold"]
    pd.testing.assert_series_equal(read_table(output, "thresholds")["threshold"], expected)
    settings = json.loads(pq.read_schema(output).metadata[b"aedr.settings"])
    assert settings["bandwidth"] == bandwidth
    # One of so few images is more than the level, so that no bandwidth helps.
    assert "Warning: One image decides a threshold of A (l2" in capsys.readouterr().err
