"""Observing pictures: what a picture with a known history still says of what was decoded."""

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from aedr.images.pictures import Pixels, decode_image, encode
from aedr.observations.history import DECODED_JPEG, JPEG, RECODED, History
from aedr.observations.jpeg import observe_jpeg
from aedr.observations.jpeg_files import read_coefficients
from aedr.observations.jpeg_traces import first_jpeg, quantise
from aedr.observations.observation import HALF, Codec, Observation, StoredPixels, stack_levels, whole_pixels
from aedr.observations.operators import Resized
from aedr.observations.recoding import options_of


def observe(
    data: bytes, pixels: Pixels, history: History, image: tuple[int, int, int, int], margin: int = 0
) -> Observation:
    """Return what is observed of one picture, as a batch of one on the CPU.

    Args:
        pixels: as they are stored, RGB, uint8, shape (height, width, 3).
        image: top, left, height and width of the part to inspect; of the whole picture if it was resampled.
        margin: how many pixels of the part's rim distances leave out.
    """
    if history.resizes:
        stored = replace(history, resizes=())
        observed = observe(data, pixels, stored, (0, 0, *pixels.shape[:2]), margin)
        for width, height, name in history.resizes:
            observed = Resized(observed, (width, height), name)
        return observed
    if history.kind == JPEG:
        file = read_coefficients(data)
        if history.first_quality is not None:
            observed = observe_jpeg(first_jpeg(file, history.first_quality), pixels, image, margin, None)
            return replace(observed, pictures=observed.shown())
        return observe_jpeg(file, pixels, image, margin, None)
    if history.kind == DECODED_JPEG:
        steps = np.array([[np.inf if step is None else step for step in table] for table in history.steps])
        file = quantise(pixels, (history.rows, history.columns), steps.reshape(-1, 8, 8), history.sampling)
        return observe_jpeg(file, pixels, image, margin, (history.rows, history.columns))
    top, left, height, width = image
    levels = stack_levels([pixels[top : top + height, left : left + width]]).contiguous()
    if history.kind == RECODED:
        recode = codec(history.format, int(history.quality or 0), history.subsampling)
        # Off the codec's grid, what it changes is what it changed when it wrote the picture, within a tenth.
        moved = levels.roll((3, 5), (2, 3))
        lost = (recode(moved) - moved).square().mean((1, 2, 3), keepdim=True).sqrt()
        # With two standard deviations, thresholds from untouched images hold as they do for JPEG.
        return StoredPixels(levels, (2 * lost).clamp(min=HALF), recode, margin)
    return StoredPixels(levels, margin=margin)


def repeated(encoder: Callable[[Pixels], bytes]) -> Codec:
    """Return what encodes pixels, or damages and encodes them at the same size, as a codec."""

    def recode(levels: torch.Tensor) -> torch.Tensor:
        files = [encoder(pixels) for pixels in whole_pixels(levels)]
        return stack_levels([decode_image(data, upright=False) for data in files], levels.device)

    return recode


@functools.cache
def codec(format: str, quality: int, subsampling: str | None = None) -> Codec:
    """Return the codec that Pillow has for a format; the same object every time, so that pictures can be joined."""
    return repeated(functools.partial(encode, format=format, quality=quality, **options_of(subsampling)))
