"""The published numbers, recomputed from the rows and pictures that the method's authors ship."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from aedr.images.homogeneity import homogeneity, read_grey
from aedr.scoring.signals import compute_signals, fit_parameters
from aedr.scoring.thresholds import fit_threshold
from aedr.study.paper import PAPER
from aedr.tables.files import read_table, write_table
from measure_homogeneity import measure_homogeneity

ALPHA = 0.05
GRID_THRESHOLD = 1.0364583773111364
EXACT_THRESHOLD = 1.0365194391004626
ACCEPTED = 477
IMAGE_SETS = ("flux", "sdxl", "real")


@pytest.fixture(scope="module")
def calibrated_ratios(reference: Path) -> npt.NDArray[np.float64]:
    """t * H of the authors' 500 images of Stable Diffusion 1.5 under its own autoencoder, shape (500,)."""
    losses = np.loadtxt(reference / "losses" / "sd15_on_sd15_l2.txt")
    image_ids = [f"sd15/{row:05}" for row in range(len(losses))]
    rows = pd.DataFrame({"image_id": image_ids, "source": "sd15", "autoencoder": "sd15", "metric": "l2"})
    rows[["first_loss", "second_loss"]] = losses
    textures = pd.DataFrame({"image_id": image_ids, "source": "sd15", "group": image_ids})
    textures["homogeneity"] = np.loadtxt(reference / "homogeneity" / "sd15_500.txt")
    # In another order: the join is by image, and the authors' by row.
    signals, _ = compute_signals(rows.assign(reason=None), textures.assign(reason=None).iloc[::-1], {"sd15"}, 0.5)
    assert len(signals) == 500 and signals["reason"].isna().all()
    return signals["calibrated_ratio"].to_numpy()


def test_the_grid_gives_the_published_threshold(calibrated_ratios: npt.NDArray[np.float64]) -> None:
    assert fit_threshold(calibrated_ratios, ALPHA, "grid") == pytest.approx(GRID_THRESHOLD, abs=1e-12)


def test_inversion_gives_the_exact_threshold(calibrated_ratios: npt.NDArray[np.float64]) -> None:
    assert fit_threshold(calibrated_ratios, ALPHA, "exact") == pytest.approx(EXACT_THRESHOLD, abs=1e-9)


@pytest.mark.parametrize("method", ["grid", "exact"])
def test_the_threshold_accepts_477_of_500(calibrated_ratios: npt.NDArray[np.float64], method: str) -> None:
    assert (calibrated_ratios < fit_threshold(calibrated_ratios, ALPHA, method)).sum() == ACCEPTED


def test_the_fitted_parameters_are_the_known_ones(reference: Path) -> None:
    """Known of the authors' own images: exponent .285 of homogeneity, slope 1.09 of log first on log second loss."""
    losses = np.loadtxt(reference / "losses" / "sd15_on_sd15_l2.txt")
    rows = pd.DataFrame(losses, columns=["first_loss", "second_loss"]).assign(metric="l2")
    fitted = fit_parameters(rows, np.loadtxt(reference / "homogeneity" / "sd15_500.txt"))
    assert fitted.exponent == pytest.approx(0.285, abs=5e-4)
    assert fitted.slope == pytest.approx(1.09, abs=5e-3)


def pictures(reference: Path, image_set: str) -> list[bytes]:
    """Return the five encoded pictures of an image set, in the order of the published values."""
    return [file.read_bytes() for file in sorted((reference / "images" / image_set).iterdir())]


def published_homogeneity(reference: Path, image_set: str) -> list[str]:
    """Return the published values of an image set as they are written, six decimals each."""
    return (reference / "homogeneity" / f"{image_set}.txt").read_text().split()


@pytest.mark.parametrize("image_set", IMAGE_SETS)
def test_the_job_measures_the_published_homogeneity(reference: Path, tmp_path: Path, image_set: str) -> None:
    images, output = tmp_path / "images.parquet", tmp_path / "homogeneity.parquet"
    rows = [
        {"image_id": f"{image_set}/{at}", "source": image_set, "image": {"bytes": data, "path": str(at)}}
        for at, data in enumerate(pictures(reference, image_set))
    ]
    write_table(images, "images", rows, {})
    measure_homogeneity(str(images), str(output), {"source": image_set, "by": "image"})
    measured = [f"{value:.6f}" for value in read_table(output, "homogeneity")["homogeneity"]]
    assert len(measured) == 5
    assert measured == published_homogeneity(reference, image_set)


@pytest.mark.parametrize("image_set", IMAGE_SETS)
def test_grey_converted_after_decoding_is_not_the_published_one(reference: Path, image_set: str) -> None:
    """Guards the tests above: they would notice if grey were ever made the obvious way."""
    published = published_homogeneity(reference, image_set)
    for data, value in zip(pictures(reference, image_set), published, strict=True):
        with Image.open(io.BytesIO(data)) as image:
            converted = homogeneity(np.asarray(image.convert("RGB").convert("L")))
        assert f"{homogeneity(read_grey(data)):.6f}" == value != f"{converted:.6f}"
        assert converted == pytest.approx(float(value), abs=2e-2)


def test_the_shipped_cells_are_those_of_the_papers_tables(reference: Path) -> None:
    shipped = pd.read_csv(PAPER / "cells.csv", comment="#")
    assert len(shipped) == 62
    pd.testing.assert_frame_equal(shipped, pd.read_csv(reference / "paper_cells.csv"))
