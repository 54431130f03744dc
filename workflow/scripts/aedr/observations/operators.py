"""What may happen to a picture before it is stored, as maps between observations: a turn, and a resize."""

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch

from aedr.observations.observation import Distances, Observation, from_levels, to_levels
from aedr.observations.resampling import inverse_of_resize, resize_matrix

# The eight orientations: 0 to 3 quarter turns counter-clockwise, then the same of the mirrored picture.
ORIENTATIONS = tuple(range(8))


def turn(images: torch.Tensor, orientation: int) -> torch.Tensor:
    """Return images, shape (..., height, width), in one of the `ORIENTATIONS`."""
    mirrored = images.flip(-1) if orientation >= 4 else images
    return torch.rot90(mirrored, orientation % 4, (-2, -1)).contiguous()


def turn_back(images: torch.Tensor, orientation: int) -> torch.Tensor:
    """Undo `turn`."""
    upright = torch.rot90(images, -(orientation % 4), (-2, -1))
    return (upright.flip(-1) if orientation >= 4 else upright).contiguous()


@dataclass(frozen=True)
class Turned:
    """Pictures that were turned or mirrored before they were stored; `orientations` lead back to how they were decoded.

    The orientations of a batch all swap height and width, or none does.
    """

    stored: Observation
    orientations: Sequence[int]

    @property
    def seen(self) -> torch.Tensor:
        return self._decoded(self.stored.seen)

    @property
    def key(self) -> Hashable:
        return "turned", self.stored.key, self.seen.shape[1:]

    def joined(self, others: Sequence[Self], device: torch.device) -> "Turned":
        ways = [way for each in (self, *others) for way in each.orientations]
        return Turned(self.stored.joined([each.stored for each in others], device), ways)

    def chosen(self, places: Sequence[int]) -> "Turned":
        return Turned(self.stored.chosen(places), [self.orientations[place] for place in places])

    def distances(self, images: torch.Tensor) -> Distances:
        return self.stored.distances(self._as_stored(images))

    def project(self, images: torch.Tensor) -> torch.Tensor:
        return self._decoded(self.stored.project(self._as_stored(images)))

    def control(self, images: torch.Tensor) -> "Turned":
        return replace(self, stored=self.stored.control(self._as_stored(images)))

    def _decoded(self, images: torch.Tensor) -> torch.Tensor:
        return torch.stack([turn(image, way) for image, way in zip(images, self.orientations, strict=True)])

    def _as_stored(self, images: torch.Tensor) -> torch.Tensor:
        return torch.stack([turn_back(image, way) for image, way in zip(images, self.orientations, strict=True)])


@dataclass(frozen=True)
class Resized:
    """Pictures that were resampled before they were stored; `size` is the (width, height) of their decoding."""

    stored: Observation
    size: tuple[int, int]
    filter: str

    @functools.cached_property
    def seen(self) -> torch.Tensor:
        return from_levels(self._back(to_levels(self.stored.seen)).clamp(0, 255))

    @property
    def key(self) -> Hashable:
        return self.size, self.filter, self.stored.key

    def joined(self, others: Sequence[Self], device: torch.device) -> "Resized":
        return replace(self, stored=self.stored.joined([each.stored for each in others], device))

    def chosen(self, places: Sequence[int]) -> "Resized":
        return replace(self, stored=self.stored.chosen(places))

    def distances(self, images: torch.Tensor) -> Distances:
        return self.stored.distances(self._resampled(images))

    def project(self, images: torch.Tensor) -> torch.Tensor:
        stored = self._resampled(images)
        change = to_levels(self.stored.project(stored)) - to_levels(stored)
        return from_levels((to_levels(images) + self._back(change)).clamp(0, 255))

    def control(self, images: torch.Tensor) -> "Resized":
        rounded = from_levels(to_levels(images).round())
        return replace(self, stored=self.stored.control(self._resampled(rounded, is_rounded=True)))

    def _resampled(self, images: torch.Tensor, is_rounded: bool = False) -> torch.Tensor:
        """Return images at the size after the resize.

        Args:
            is_rounded: round between the two directions, as Pillow does.
        """
        down, across = (matrix.to(images) for matrix in self._matrices)
        levels = to_levels(images) @ across.T
        return from_levels((down @ (levels.round().clamp(0, 255) if is_rounded else levels)).clamp(0, 255))

    @functools.cached_property
    def _matrices(self) -> tuple[torch.Tensor, torch.Tensor]:
        (width, height), (*_, stored_height, stored_width) = self.size, self.stored.seen.shape
        down = torch.from_numpy(resize_matrix(height, stored_height, self.filter))
        return down, torch.from_numpy(resize_matrix(width, stored_width, self.filter))

    def _back(self, levels: torch.Tensor) -> torch.Tensor:
        width, height = self.size
        down = torch.from_numpy(inverse_of_resize(height, levels.shape[-2], self.filter)).to(levels)
        across = torch.from_numpy(inverse_of_resize(width, levels.shape[-1], self.filter)).to(levels)
        return down @ levels @ across.T
