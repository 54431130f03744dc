"""Damage does what it says to every picture, the same whenever and wherever it is done."""

import inspect
import io
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aedr.errors import UnusableImage
from aedr.images.pictures import decode_image, encode_png
from aedr.robustness.transforms import OPERATIONS, transform_image
from aedr.study.transform_steps import SEARCH, SHORTHANDS, options_of, strength_axes

SCHEMA = Path(__file__).parents[3] / "workflow/schemas/config.schema.yaml"
MAX_PIXELS = 10**6
PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
PICTURE = encode_png(PIXELS)


def after(*steps: dict, seed: int = 0, data: bytes = PICTURE) -> np.ndarray:
    return decode_image(transform_image(data, steps, seed, MAX_PIXELS), MAX_PIXELS).astype(int)


@pytest.mark.parametrize(
    "steps",
    [
        [{"png": {}}],
        [{"crop": {"rows": 0, "columns": 0}}, {"pad": {"rows": 0, "columns": 0}}],
        [{"brightness": 1}, {"contrast": 1}, {"resize": 1}, {"restore_size": {}}],
        [
            {"pad": {"rows": 3, "columns": 2}},
            {"crop": {"rows": 3, "columns": 2}},
            {"centre_crop": {"size": 48, "grid": 48}},
        ],
    ],
)
def test_steps_that_do_nothing_leave_every_pixel(steps) -> None:
    left = after(*steps)
    assert (left == PIXELS[: left.shape[0], : left.shape[1]]).all()


def test_without_steps_a_picture_keeps_its_own_bytes() -> None:
    assert transform_image(b"anything", [], 0, MAX_PIXELS) == b"anything"


@pytest.mark.parametrize(
    "steps, image_format, size",
    [
        ([{"jpeg": 75}], "JPEG", (64, 48)),
        ([{"webp": 80}], "WEBP", (64, 48)),
        ([{"avif": {"quality": 60, "subsampling": "4:4:4"}}], "AVIF", (64, 48)),
        ([{"shrink": 40}, {"jpeg": 70}], "JPEG", (40, 30)),
        ([{"shrink": 64}], "PNG", (64, 48)),
        ([{"jpeg": 75}, {"crop": {"rows": 3, "columns": 5}}], "PNG", (59, 45)),
        ([{"resize": {"scale": 0.5, "filter": "lanczos"}}], "PNG", (32, 24)),
        ([{"resize": 0.01}], "PNG", (1, 1)),
        ([{"resize": 0.4}, {"jpeg": 60}, {"restore_size": {}}], "PNG", (64, 48)),
        ([{"pad": {"rows": 3, "columns": 5, "colour": "white"}}], "PNG", (74, 54)),
        ([{"centre_crop": {"size": 32, "grid": 16}}, {"png": {}}], "PNG", (32, 32)),
        ([{"blur": 1.5}, {"noise": 2}, {"brightness": 1.2}, {"contrast": 0.8}, {"jpeg": 95}], "JPEG", (64, 48)),
    ],
)
def test_format_and_size_are_those_told(steps, image_format, size) -> None:
    with Image.open(io.BytesIO(transform_image(PICTURE, steps, 0, MAX_PIXELS))) as image:
        assert (image.format, image.size) == (image_format, size)


def test_codecs_take_their_options_and_restoring_takes_the_first_size() -> None:
    smooth = encode_png(np.asarray(Image.fromarray(PIXELS).resize((480, 360), Image.Resampling.BICUBIC)))
    sizes = [len(transform_image(smooth, [{"jpeg": quality}], 0, MAX_PIXELS)) for quality in (30, 60, 90)]
    assert sizes == sorted(sizes)
    whole, halved = ({"jpeg": {"quality": 100, "subsampling": name}} for name in ("4:4:4", "4:2:0"))
    errors = [abs(after(step, data=smooth) - decode_image(smooth, MAX_PIXELS)).mean() for step in (whole, halved)]
    assert errors[0] < 1 < errors[1]
    assert after({"resize": 2}, {"crop": {"rows": 9, "columns": 9}}, {"restore_size": {}}).shape == PIXELS.shape


def test_noise_is_as_strong_as_told_and_follows_from_the_seed_alone() -> None:
    grey = encode_png(np.full((200, 200, 3), 128, np.uint8))
    noisy = after({"noise": 4}, seed=1, data=grey)
    assert abs(noisy.std() - 4) < 0.1 and abs(noisy.mean() - 128) < 0.1
    assert (noisy == after({"noise": 4}, seed=1, data=grey)).all()
    assert (noisy != after({"noise": 4}, seed=2, data=grey)).any()


@given(st.integers(8, 64), st.integers(8, 64), st.integers(1, 8), st.integers(1, 8))
def test_a_centre_crop_begins_on_the_grid_and_within_a_grid_of_the_middle(height, width, grid, times) -> None:
    size = grid * times
    places = np.arange(height * width, dtype=np.uint32).reshape(height, width)
    picture = encode_png(np.stack([places >> 8, places & 255, 0 * places], -1).astype(np.uint8))
    step = {"centre_crop": {"size": size, "grid": grid}}
    if size > min(height, width):
        with pytest.raises(UnusableImage, match=f"{width}x{height} pixels are too few: centre_crop needs {size}"):
            after(step, data=picture)
        return
    cut = after(step, data=picture)
    top, left = divmod(int(cut[0, 0, 0] << 8 | cut[0, 0, 1]), width)
    assert cut.shape == (size, size, 3) and top % grid == 0 and left % grid == 0
    assert 0 <= (height - size) / 2 - top < grid and 0 <= (width - size) / 2 - left < grid


def test_a_picture_of_which_nothing_is_left_gets_a_reason() -> None:
    with pytest.raises(UnusableImage, match="64x48 pixels: nothing is left after crop"):
        after({"crop": {"rows": 48, "columns": 0}})
    with pytest.raises(UnusableImage, match="cannot be decoded"):
        after({"jpeg": 75}, data=PICTURE[:-60])
    wide = encode_png(np.zeros((1, 20_000, 3), np.uint8))
    with pytest.raises(UnusableImage, match="20000x1 pixels cannot be encoded"):
        after({"webp": 75}, data=wide)


def test_schema_and_code_have_the_same_operations_options_and_defaults() -> None:
    definitions = yaml.safe_load(SCHEMA.read_text())["definitions"]
    assert set(definitions["transform"]["properties"]) == {*OPERATIONS, SEARCH}
    for name, function in OPERATIONS.items():
        options = definitions[name]["properties"] if name in definitions else {}
        parameters = list(inspect.signature(function).parameters.values())[2:]
        assert [parameter.name for parameter in parameters] == list(options)
        for parameter in parameters:
            default = inspect.Parameter.empty if parameter.default is inspect.Parameter.empty else parameter.default
            assert options[parameter.name].get("default", inspect.Parameter.empty) == default
        short = "oneOf" in definitions["transform"]["properties"][name]
        assert ([SHORTHANDS[name]] == definitions[name]["required"]) if short else name not in SHORTHANDS


def test_transforms_that_differ_in_one_number_share_an_axis() -> None:
    transforms = {
        "strong": [{"jpeg": 50}],
        "weak": [{"jpeg": {"quality": 90}}],
        "whole": [{"jpeg": {"quality": 90, "subsampling": "4:4:4"}}],
        "cut": [{"crop": {"rows": 3, "columns": 3}}, {"png": {}}],
        "cut-more": [{"crop": {"rows": 8, "columns": 8}}, {"png": {}}],
        "half": [{"resize": 0.5}],
        "again": [{"resize": 0.5}],
        SEARCH: [{SEARCH: {}}],
    }
    axes = {axis.label: list(axis.strengths.items()) for axis in strength_axes(transforms)}
    assert axes == {"jpeg quality": [("strong", 50), ("weak", 90)], "crop rows": [("cut", 3), ("cut-more", 8)]}
    assert options_of({"jpeg": 50}) == options_of({"jpeg": {"quality": 50}})
