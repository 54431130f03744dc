"""Observing pictures: what a picture with a known history still says of what was decoded."""

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from aedr.images.pictures import Pixels, decode_image, encode, encode_png, format_of
from aedr.observations.history import DECODED_JPEG, JPEG, RECODED, History, read_history
from aedr.observations.jpeg import observe_jpeg
from aedr.observations.jpeg_files import read_coefficients
from aedr.observations.jpeg_traces import first_jpeg, quantise
from aedr.observations.observation import (
    Codec,
    Distances,
    Observation,
    StoredPixels,
    stack_levels,
    to_levels,
    whole_pixels,
)
from aedr.observations.operators import Resized


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
        recode = codec(history.format, int(history.quality or 0))
        # Off the codec's grid, what it changes is what it changed when it wrote the picture, within a tenth.
        moved = levels.roll((3, 5), (2, 3))
        lost = (recode(moved) - moved).square().mean((1, 2, 3), keepdim=True).sqrt()
        # With two standard deviations, thresholds from untouched images hold as they do for JPEG.
        return StoredPixels(levels, 2 * lost, recode, margin)
    return StoredPixels(levels, margin=margin)


@dataclass(frozen=True)
class Repeated:
    """Pictures of which it is known what was done to them: their control goes through the same again.

    `again`: turns the file of a picture into that of the damaged one, of the same size.
    """

    stored: Observation
    again: Callable[[bytes], bytes]

    @property
    def seen(self) -> torch.Tensor:
        return self.stored.seen

    @property
    def key(self) -> Hashable:
        return "repeated", self.stored.key

    def joined(self, others: Sequence["Repeated"], device: torch.device) -> "Repeated":
        return replace(self, stored=self.stored.joined([each.stored for each in others], device))

    def distances(self, images: torch.Tensor) -> Distances:
        return self.stored.distances(images)

    def project(self, images: torch.Tensor) -> torch.Tensor:
        return self.stored.project(images)

    def control(self, images: torch.Tensor) -> "Repeated":
        again = []
        for whole in whole_pixels(to_levels(images)):
            data = self.again(encode_png(whole))
            pixels = decode_image(data, upright=False)
            history = read_history(data, format_of(data), pixels)
            again.append(observe(data, pixels, history, (0, 0, *pixels.shape[:2])))
        if len({each.key for each in again}) > 1:
            again = [StoredPixels(to_levels(each.seen)) for each in again]
        first, *others = again
        return replace(self, stored=first.joined(others, images.device))


@functools.cache
def codec(format: str, quality: int) -> Codec:
    """Return a codec as a map of levels, whole numbers of 0..255, shape (images, 3, height, width)."""

    def recode(levels: torch.Tensor) -> torch.Tensor:
        files = [encode(pixels, format, quality=quality) for pixels in whole_pixels(levels)]
        return stack_levels([decode_image(data) for data in files], levels.device)

    return recode
