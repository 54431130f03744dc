"""What is observed of a batch of pictures that a decoder may have put out.

Every stored picture is observed through a linear map of its values after they are clamped: the pixels of a PNG, the
DCT coefficients of a JPEG. What is stored is rounded, so it names a cell: all pictures that would have given the same
file. An autoencoder that decoded the picture reaches the cell, and what it misses it by is what it misses by when a
picture of its own goes through the same damage: the control.

Images are batches of pixels in [-1, 1], shape (images, 3, height, width). Distances are in levels of 0..255.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch

from aedr.images.pictures import Pixels

# A value stored as a whole level is known to half a level.
HALF = 0.5


@dataclass(frozen=True)
class Distances:
    """How far pictures are from their cells: float64, shape (images,), sums over channels and means over pixels.

    `absolute`: the distance from the cell, 0 inside. `squared`: the same, squared. `observed`: the squared distance
    from the middle of the cell, which is what the file shows.
    """

    absolute: torch.Tensor
    squared: torch.Tensor
    observed: torch.Tensor


class Observation(Protocol):
    """A batch of observed pictures of one size and one kind of history."""

    @property
    def seen(self) -> torch.Tensor:
        """The images that the files show, as the decoder would have put them out."""

    @property
    def key(self) -> Hashable:
        """Equal for observations that can be joined."""

    def joined(self, others: Sequence[Any], device: torch.device) -> "Observation":
        """Return this observation and others with the same key as one batch on a device."""

    def chosen(self, places: Sequence[int]) -> "Observation":
        """Return the pictures at these places of the batch."""

    def distances(self, images: torch.Tensor) -> Distances:
        """Return how far images would be from the cells if they had gone through what the pictures went through."""

    def project(self, images: torch.Tensor) -> torch.Tensor:
        """Return images moved into the cells, by the least change of what is observed."""

    def control(self, images: torch.Tensor) -> "Observation":
        """Return what would be observed if `images` had gone through the same."""


def to_levels(images: torch.Tensor) -> torch.Tensor:
    """Return images in [-1, 1] as levels of 0..255, clamped and not rounded."""
    return ((images + 1) * 127.5).clamp(0, 255)


def from_levels(levels: torch.Tensor) -> torch.Tensor:
    """Return levels of 0..255 as images in [-1, 1]."""
    return levels / 127.5 - 1


def stack_levels(pixels: Sequence[Pixels], device: torch.device | None = None) -> torch.Tensor:
    """Stack 8-bit images of one size to float32 levels of 0..255, shape (images, 3, height, width)."""
    return torch.from_numpy(np.stack(pixels)).to(device).permute(0, 3, 1, 2).float()


def whole_pixels(levels: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Round levels of 0..255, shape (images, 3, height, width), to 8-bit images, (images, height, width, 3)."""
    return levels.round().byte().permute(0, 2, 3, 1).cpu().numpy()


# Encodes and decodes levels of 0..255, shape (images, 3, height, width), with a codec.
Codec = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class StoredPixels:
    """Pictures of which pixels were stored, without loss or by a codec whose losses are not linear, such as WebP.

    `levels`: whole numbers of 0..255, shape (images, 3, height, width). `half`: how far from them a picture may be that
    was stored as them; shape (images, 1, 1, 1) or for all images. `codec`: what the control is encoded with again.
    Distances leave out a rim of `margin` pixels.
    """

    levels: torch.Tensor
    half: torch.Tensor = torch.full((1, 1, 1, 1), HALF)
    codec: Codec | None = None
    margin: int = 0

    @property
    def seen(self) -> torch.Tensor:
        return from_levels(self.levels)

    @property
    def key(self) -> Hashable:
        return self.codec, self.levels.shape[1:], self.margin

    def joined(self, others: Sequence[Self], device: torch.device) -> "StoredPixels":
        every = (self, *others)
        levels, half = (torch.cat([getattr(each, part) for each in every]).to(device) for part in ("levels", "half"))
        return replace(self, levels=levels, half=half)

    def chosen(self, places: Sequence[int]) -> "StoredPixels":
        half = self.half if len(self.half) == 1 else self.half[places]
        return replace(self, levels=self.levels[places], half=half)

    def distances(self, images: torch.Tensor) -> Distances:
        return pixel_distances(to_levels(images) - self.levels, self.half, self.margin)

    def project(self, images: torch.Tensor) -> torch.Tensor:
        nearest = torch.minimum(torch.maximum(to_levels(images), self.levels - self.half), self.levels + self.half)
        return from_levels(nearest.clamp(0, 255))

    def control(self, images: torch.Tensor) -> "StoredPixels":
        levels = to_levels(images).round()
        return replace(self, levels=self.codec(levels) if self.codec is not None else levels)


def pixel_distances(differences: torch.Tensor, half: torch.Tensor, margin: int) -> Distances:
    """Return the distances that differences of levels amount to, without a rim of `margin` pixels."""
    height, width = differences.shape[-2:]
    inner = differences[..., margin : height - margin, margin : width - margin]
    beyond = (inner.abs() - half).clamp(min=0).double()
    pixels = inner.shape[-1] * inner.shape[-2]

    def mean(values: torch.Tensor) -> torch.Tensor:
        return values.flatten(1).sum(1) / pixels

    return Distances(mean(beyond), mean(beyond.square()), mean(inner.double().square()))
