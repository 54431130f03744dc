"""Cells of JPEG files: the picture that was compressed lies in its file's cell, whatever the file's kind."""

import io
from pathlib import Path

import jpeglib
import numpy as np
import pytest
import torch
from PIL import Image

from aedr.errors import UnusableImage
from aedr.images.pictures import decode_image
from aedr.observations.jpeg import observe_jpeg
from aedr.observations.jpeg_files import read_coefficients
from aedr.observations.observation import from_levels
from aedr.reconstruction.observed_losses import ROUNDING

PHOTOGRAPH = Path(__file__).parents[3] / "demo/photographs/chelsea_05.png"
KINDS = {
    "4:4:4": {"quality": 90, "subsampling": "4:4:4"},
    "4:2:2": {"quality": 75, "subsampling": "4:2:2"},
    "4:2:0": {"quality": 60, "subsampling": "4:2:0"},
    "progressive": {"quality": 75, "progressive": True},
    "tables of its own": {"qtables": [[3] * 64, [9] * 64]},
}


def photograph(height: int = 64, width: int = 64) -> np.ndarray:
    picture = np.asarray(Image.open(PHOTOGRAPH).convert("RGB"))
    return np.ascontiguousarray(np.tile(picture, (2, 2, 1))[:height, :width])


def compressed(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def images(pixels: np.ndarray) -> torch.Tensor:
    return from_levels(torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None])


def observed(data: bytes, margin: int = 0):
    pixels = decode_image(data)
    return observe_jpeg(read_coefficients(data), pixels, (0, 0, *pixels.shape[:2]), margin, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("height, width", [(64, 64), (61, 83)])
def test_the_picture_that_was_compressed_is_in_the_cell_and_its_control_is_the_file(kind, height, width) -> None:
    pixels = photograph(height, width)
    data = compressed(pixels, **KINDS[kind])
    observation = observed(data)
    distances = observation.distances(images(pixels))
    # Encoders round the planes of colour; nothing else is outside, not even in blocks that were filled up.
    assert distances.squared.item() < ROUNDING and distances.absolute.item() < 3 * ROUNDING
    assert distances.observed.item() > 10 * ROUNDING
    assert (
        observation.distances(images(photograph()[::-1, ::-1].copy() if height == width else 255 - pixels)).squared > 1
    )
    again = observation.control(images(pixels))
    for ours, theirs in zip(again.coefficients, observation.coefficients, strict=True):
        assert (ours == theirs).float().mean() > 0.98
    # What a decoder shows of these coefficients is what Pillow shows, but for single levels.
    assert (again.pictures - observation.pictures).abs().mean() < 1


def test_grey_and_4_1_1_are_read_and_other_colours_are_refused(tmp_path) -> None:
    pixels = photograph(64, 72)
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=75)
    observation = observed(buffer.getvalue())
    assert len(observation.coefficients) == 1
    assert observation.distances(images(np.dstack([grey] * 3))).squared.item() < ROUNDING
    wide = jpeglib.from_spatial(pixels)
    wide.samp_factor = "4:1:1"
    wide.write_spatial(str(tmp_path / "wide.jpg"), qt=75)
    data = (tmp_path / "wide.jpg").read_bytes()
    assert read_coefficients(data).sampling == ((1, 1), (1, 4), (1, 4))
    assert observed(data).distances(images(pixels)).squared.item() < ROUNDING
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("CMYK").save(buffer, "JPEG")
    with pytest.raises(UnusableImage, match="CMYK"):
        read_coefficients(buffer.getvalue())


def test_a_projection_is_in_the_cell_and_moves_nothing_that_already_is() -> None:
    pixels = photograph()
    observation = observed(compressed(pixels, quality=75, subsampling="4:4:4"))
    foreign = images(np.clip(photograph()[::-1].astype(int), 40, 215).astype(np.uint8))
    inside = observation.project(foreign)
    assert observation.distances(foreign).squared > 100
    # Clamping to whole colours moves some of it out again.
    assert observation.distances(inside).squared < 0.01 * observation.distances(foreign).squared
    assert (observation.project(images(pixels)) - images(pixels)).abs().max() * 127.5 < 1


def test_saturated_blocks_are_in_the_cell_of_their_file() -> None:
    pixels = np.where(photograph() > 120, 255, 0).astype(np.uint8)
    observation = observed(compressed(pixels, quality=40))
    assert observation.distances(images(pixels)).squared.item() < ROUNDING


def test_a_part_of_a_picture_is_measured_by_the_blocks_inside_it() -> None:
    pixels = photograph(96, 96)
    data = compressed(pixels, quality=75)
    changed = pixels.copy()
    changed[:16] = 255 - changed[:16]
    whole = observe_jpeg(read_coefficients(data), decode_image(data), (0, 0, 96, 96), 0, None)
    part = observe_jpeg(read_coefficients(data), decode_image(data), (5, 3, 91, 93), 11, None)
    assert whole.distances(images(changed)).squared > 10
    assert part.distances(images(changed)[..., 5:, 3:]).squared.item() < ROUNDING
    assert part.control(images(pixels)[..., 5:, 3:]).seen.shape == (1, 3, 91, 93)


def test_pictures_in_one_batch_are_measured_as_alone() -> None:
    files = [compressed(photograph(), quality=quality) for quality in (60, 90)]
    single = [observed(data) for data in files]
    both = single[0].joined(single[1:], torch.device("cpu"))
    batch = both.distances(torch.cat([images(photograph())] * 2)).observed
    alone = [each.distances(images(photograph())).observed.item() for each in single]
    assert batch.tolist() == pytest.approx(alone, rel=1e-6)
