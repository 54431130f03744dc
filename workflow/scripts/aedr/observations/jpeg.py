"""Pictures that were JPEG files: the cell that the file names, and the passage of other pictures through the same file.

A JPEG file does not hold a picture but a cell: all pictures of which each DCT coefficient is within half a step of the
file's. Everything here is linear after the values are clamped to 0..255, and runs in batches.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F

from aedr.images.pictures import Pixels
from aedr.observations.jpeg_files import BLOCK, YCBCR, JpegCoefficients
from aedr.observations.observation import Distances, from_levels, stack_levels, to_levels

TO_YCBCR = torch.tensor(YCBCR)
TO_RGB = torch.linalg.inv(TO_YCBCR.double()).float()
_PLACES = torch.arange(BLOCK, dtype=torch.float64)
DCT = (torch.cos((2 * _PLACES[None] + 1) * _PLACES[:, None] * torch.pi / (2 * BLOCK)) / 2).float()
DCT[0] /= 2**0.5


def block_dct(planes: torch.Tensor) -> torch.Tensor:
    """Return the orthonormal DCT of each 8x8 block: (..., height, width) to (..., height / 8, width / 8, 8, 8)."""
    blocks = planes.unflatten(-1, (-1, BLOCK)).unflatten(-3, (-1, BLOCK)).transpose(-3, -2)
    transform = DCT.to(planes)
    return transform @ blocks @ transform.T


def block_inverse_dct(coefficients: torch.Tensor) -> torch.Tensor:
    """Undo `block_dct`."""
    transform = DCT.to(coefficients)
    return (transform.T @ coefficients @ transform).transpose(-3, -2).flatten(-4, -3).flatten(-2, -1)


@dataclass(frozen=True)
class Layout:
    """Where the inspected image lies in a JPEG; the same for a whole batch.

    A canvas begins at a corner of the JPEG's grid. The picture is the part of it that is known: `picture` = (top, left,
    height, width) on the canvas. The image is what is inspected: `image` = (top, left, height, width) in the picture.
    `sampling` is that of `JpegCoefficients`. `is_whole`: the picture ends where the JPEG ended, which filled its last
    blocks by repeating the last row and column; otherwise blocks that reach out of the picture are not known. Distances
    leave out blocks that reach into a rim of `margin` pixels of the image.
    """

    picture: tuple[int, int, int, int]
    image: tuple[int, int, int, int]
    sampling: tuple[tuple[int, int], ...]
    is_whole: bool
    margin: int = 0

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """How many pixels the canvas has beyond the picture: at the left, right, top and bottom."""
        top, left, height, width = self.picture
        down, across = (BLOCK * max(factors) for factors in zip(*self.sampling, strict=True))
        return left, -(left + width) % across, top, -(top + height) % down


@dataclass(frozen=True)
class Jpegs:
    """Pictures of which the cells of DCT coefficients are known.

    `coefficients`: for each component the dequantised values, shape (images, blocks down, blocks across, 8, 8).
    `steps`: shape (images, components, 8, 8); infinite where nothing is known. `pictures`:
    levels of 0..255, shape (images, 3, height, width); pixels around the inspected image are taken from them.
    """

    coefficients: tuple[torch.Tensor, ...]
    steps: torch.Tensor
    pictures: torch.Tensor
    layout: Layout

    @property
    def seen(self) -> torch.Tensor:
        return from_levels(self._image_of(self.pictures))

    @property
    def key(self) -> Hashable:
        return self.layout, self.pictures.shape[1:]

    def joined(self, others: Sequence[Self], device: torch.device) -> "Jpegs":
        every = [self, *others]
        return Jpegs(
            tuple(torch.cat(part).to(device) for part in zip(*(each.coefficients for each in every), strict=True)),
            torch.cat([each.steps for each in every]).to(device),
            torch.cat([each.pictures for each in every]).to(device),
            self.layout,
        )

    def chosen(self, places: Sequence[int]) -> "Jpegs":
        coefficients = tuple(part[places] for part in self.coefficients)
        return Jpegs(coefficients, self.steps[places], self.pictures[places], self.layout)

    def distances(self, images: torch.Tensor) -> Distances:
        sums = [torch.zeros(len(images), dtype=torch.float64, device=images.device) for _ in range(3)]
        weights = self._weights(self.layout.margin)
        for found, known, step, weight in zip(
            self._transform(to_levels(images)), self.coefficients, self.steps.unbind(1), weights, strict=True
        ):
            off = (found - known).abs()
            beyond = (off - step[:, None, None] / 2).clamp(min=0).double()
            for total, values in zip(sums, (beyond, beyond.square(), off.double().square()), strict=True):
                total += (values * weight[:, :, None, None]).flatten(1).sum(1)
        pixels = (weights[0] > 0).sum().clamp(min=1) * (
            BLOCK**2 * self.layout.sampling[0][0] * self.layout.sampling[0][1]
        )
        return Distances(*(total / pixels for total in sums))

    def project(self, images: torch.Tensor) -> torch.Tensor:
        levels = to_levels(images)
        changes = []
        for found, known, step, weights in zip(
            self._transform(levels), self.coefficients, self.steps.unbind(1), self._weights(0), strict=True
        ):
            half = step[:, None, None] / 2
            nearest = torch.minimum(torch.maximum(found, known - half), known + half)
            changes.append(torch.where(weights[:, :, None, None] > 0, nearest - found, 0))
        change = self._image_of(self._colours([self._repeated(plane, at) for at, plane in enumerate(changes)]))
        return from_levels((levels + change).clamp(0, 255))

    def control(self, images: torch.Tensor) -> "Jpegs":
        steps = self.steps[:, :, None, None]
        coefficients = []
        for at, found in enumerate(self._transform(to_levels(images).round(), is_rounded=True)):
            step = steps[:, at]
            coefficients.append(torch.where(step.isinf(), found, (found / step).round() * step))
        passed = replace(self, coefficients=tuple(coefficients))
        return replace(passed, pictures=passed.shown())

    def _weights(self, margin: int) -> list[torch.Tensor]:
        """Return, for each component and block, how many pixels a sample stands for; 0 where a block is not inspected.

        Shape (blocks down, blocks across).
        """
        inspected = torch.zeros(1, 1, *self.pictures.shape[-2:], device=self.pictures.device)
        image = self._image_of(inspected)
        image[..., margin : image.shape[-2] - margin, margin : image.shape[-1] - margin] = 1
        padded = F.pad(inspected, self.layout.padding, mode="replicate" if self.layout.is_whole else "constant")
        weights = []
        for (down, across), known in zip(self.layout.sampling, self.coefficients, strict=True):
            is_inside = F.avg_pool2d(padded, (BLOCK * down, BLOCK * across))[0, 0] > 1 - 1e-6
            weights.append(is_inside[: known.shape[1], : known.shape[2]].float() * down * across)
        return weights

    def _image_of(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the inspected part of pictures."""
        top, left, height, width = self.layout.image
        return pictures[..., top : top + height, left : left + width]

    def _transform(self, levels: torch.Tensor, is_rounded: bool = False) -> list[torch.Tensor]:
        """Return the DCT coefficients of images, each in its picture.

        Args:
            is_rounded: round as encoders do, after the change of colours and after averaging.
        """
        pictures = levels
        if levels.shape != self.pictures.shape:
            pictures = self.pictures.clone()
            self._image_of(pictures)[:] = levels
        planes = F.pad(_mixed(pictures, TO_YCBCR), self.layout.padding, mode="replicate")
        planes[:, 0] -= 128
        found = []
        for at, (down, across) in enumerate(self.layout.sampling):
            plane = planes[:, at : at + 1].round() if is_rounded else planes[:, at : at + 1]
            if down * across > 1:
                plane = F.avg_pool2d(plane, (down, across))
                plane = plane.round() if is_rounded else plane
            down, across = self.coefficients[at].shape[1:3]
            found.append(block_dct(plane[:, 0])[:, :down, :across])
        return found

    def _samples(self, coefficients: torch.Tensor, at: int) -> torch.Tensor:
        """Return the samples of a component on the whole canvas; a JPEG has no luma beyond its last block of luma."""
        (down, across), (left, right, top, bottom) = self.layout.sampling[at], self.layout.padding
        height, width = self.pictures.shape[-2:]
        plane = block_inverse_dct(coefficients)
        missing = (
            (left + width + right) // across - plane.shape[-1],
            (top + height + bottom) // down - plane.shape[-2],
        )
        return F.pad(plane, (0, missing[0], 0, missing[1]))

    def _repeated(self, coefficients: torch.Tensor, at: int) -> torch.Tensor:
        """Return the plane of a component at the size of the canvas, each sample repeated over its pixels."""
        down, across = self.layout.sampling[at]
        plane = self._samples(coefficients, at)
        return plane.repeat_interleave(down, -2).repeat_interleave(across, -1)

    def shown(self) -> torch.Tensor:
        """Return the pictures that decoders show of the coefficients, in whole levels of 0..255."""
        planes = []
        *_, height, width = self.pictures.shape
        size = (height + sum(self.layout.padding[2:]), width + sum(self.layout.padding[:2]))
        for at, plane in enumerate(self.coefficients):
            values = self._samples(plane, at).round().clamp(-128, 127)
            down, across = self.layout.sampling[at]
            if max(down, across) == 2:
                # What libjpeg calls fancy upsampling; for other factors it repeats samples.
                values = F.interpolate(values[:, None], size, mode="bilinear", align_corners=False)[:, 0].round()
            elif down * across > 1:
                values = values.repeat_interleave(down, -2).repeat_interleave(across, -1)
            planes.append(values)
        return (self._colours(planes) + 128).round().clamp(0, 255)

    def _colours(self, planes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return RGB without the offset of luma, cut to the picture; grey if there is luma alone."""
        top, left, height, width = self.layout.picture
        cut = [plane[:, top : top + height, left : left + width] for plane in planes]
        if len(cut) == 1:
            return cut[0][:, None].expand(-1, 3, -1, -1)
        return _mixed(torch.stack(cut, 1), TO_RGB)


def _mixed(images: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    return torch.einsum("oc,bchw->bohw", matrix.to(images), images)


def observe_jpeg(
    file: JpegCoefficients, pixels: Pixels, image: tuple[int, int, int, int], margin: int, cut: tuple[int, int] | None
) -> Jpegs:
    """Return what the coefficients of a JPEG say of its picture, as a batch of one.

    Args:
        pixels: the picture as it is decoded, RGB, uint8, shape (height, width, 3).
        image: top, left, height and width of the part to inspect.
        margin: how many pixels of its rim distances leave out.
        cut: how many rows and columns of the JPEG the picture lacks at the top and at the left; None for a whole JPEG.
    """
    layout = Layout((*(cut or (0, 0)), *pixels.shape[:2]), image, file.sampling, cut is None, margin)
    steps = torch.from_numpy(file.steps)[None]
    coefficients = tuple(
        torch.from_numpy(plane.astype(np.float32) * np.where(np.isinf(step), 0, step))[None]
        for plane, step in zip(file.planes, file.steps, strict=True)
    )
    return Jpegs(coefficients, steps, stack_levels([pixels]).contiguous(), layout)
