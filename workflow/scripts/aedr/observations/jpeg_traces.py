"""Traces of a JPEG in pixels, or in another JPEG: where its grid lies, and with which tables it was quantised.

Quantised coefficients are multiples of their steps. In the pixels of a decoded JPEG they still are, but for the
rounding of pixels; in a JPEG of higher quality, but for the rounding of its own steps. Only coefficients that are not
zero tell something: in a smooth picture, a coefficient is near zero whether it was quantised or not.
"""

import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from scipy.fft import dctn
from scipy.linalg import solveh_banded
from scipy.special import ndtr

from aedr.images.pictures import Pixels
from aedr.observations.jpeg_files import BLOCK, YCBCR, JpegCoefficients

Array = npt.NDArray[np.float64]

# Standard deviation of a luma coefficient around its multiple: decoders round the planes, then red, green and blue.
NOISE = 0.4
# The share of coefficients that are off their multiples for other reasons, above all saturated pixels.
OUTLIERS = 0.02
# Log-likelihood ratio from which a trace is believed. A hundred tables at 64 places are compared, so that chance alone
# reaches log(6400) = 9.
BELIEVED = 30.0
# The same on average over coefficients, for a JPEG in a JPEG. Sizes do not quite fall off exponentially, which gives
# .026 for files that were compressed once; for those compressed twice it is at least .041 (photographs of 256 pixels,
# qualities 70 to 88, then 75 to 90).
BELIEVED_ON_AVERAGE = 0.035
# More blocks make the answer no surer.
MOST_BLOCKS = 1500
LARGEST_STEP = 120
# Larger multiples of a step are rare and not looked at.
MOST_MULTIPLES = 60
# How many pixels, down and across, a sample of chroma stands for.
SAMPLINGS = ((1, 1), (2, 2), (1, 2))


@dataclass(frozen=True)
class JpegTrace:
    """A JPEG that pixels come from.

    `rows` and `columns`: how many pixels of it are missing at the top and at the left. `quality`: the quality that has
    its tables in libjpeg; None for other tables. `file`: its coefficients, steps infinite where they left no trace.
    """

    rows: int
    columns: int
    quality: int | None
    file: JpegCoefficients


@functools.cache
def standard_tables(quality: int) -> Array:
    """Return the quantisation tables of luma and chroma, shape (2, 8, 8), of libjpeg's quality of 1 to 100."""
    buffer = io.BytesIO()
    Image.new("RGB", (BLOCK, BLOCK)).save(buffer, "JPEG", quality=quality)
    buffer.seek(0)
    with JpegImageFile(buffer) as image:
        return np.array([image.quantization[number] for number in (0, 1)], dtype=np.float64).reshape(2, BLOCK, BLOCK)


def find_jpeg(pixels: Pixels) -> JpegTrace | None:
    """Return the JPEG that pixels (RGB, uint8, height x width x 3) were decoded from; None without a trace of one.

    A JPEG of a quality above about 95 leaves none in a small picture.
    """
    if min(pixels.shape[:2]) < 3 * BLOCK:
        return None
    luma, *_ = _planes(pixels)
    rows, columns = _likeliest_grid(luma)
    textured = _textured(_coefficients(luma, rows, columns))
    quality = _likeliest_quality(textured)
    steps = standard_tables(quality)[0] if quality is not None else _each_step(textured)
    return _with_chroma(pixels, (rows, columns), quality, steps) if steps is not None else None


def find_first_quality(file: JpegCoefficients) -> int | None:
    """Return the quality of the JPEG that a JPEG was made from, on the same grid.

    None if there is no trace of one: it had a higher quality than the file, other tables than libjpeg's, or was cut.
    """
    best, most = None, 0.0
    counts = _counts_of_multiples(file.planes[0])
    last = file.steps[0].astype(np.float64)
    for quality in range(1, 101):
        likelihood, counted = _twice_quantised(counts, last, standard_tables(quality)[0])
        if likelihood > max(most, BELIEVED, BELIEVED_ON_AVERAGE * counted):
            best, most = quality, likelihood
    return best


def first_jpeg(file: JpegCoefficients, quality: int) -> JpegCoefficients:
    """Return the coefficients of the JPEG that a JPEG was made from, given its quality."""
    tables = standard_tables(quality)
    first = np.stack([np.maximum(tables[min(at, 1)], steps) for at, steps in enumerate(file.steps)])
    planes = tuple(
        np.rint(plane * last / steps).astype(np.int16)
        for plane, last, steps in zip(file.planes, file.steps, first, strict=True)
    )
    return replace(file, planes=planes, steps=first.astype(np.float32))


def _counts_of_multiples(plane: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """Return how often each frequency has each multiple of its step, whatever the sign.

    Args:
        plane: multiples, shape (blocks down, blocks across, 8, 8).

    Returns:
        Shape (64, MOST_MULTIPLES + 1); larger multiples are not counted.
    """
    multiples = np.abs(plane.astype(np.int64)).reshape(-1, BLOCK * BLOCK)
    return np.stack([np.bincount(m[m <= MOST_MULTIPLES], minlength=MOST_MULTIPLES + 1) for m in multiples.T])


def _twice_quantised(counts: npt.NDArray[np.int64], last: Array, first: Array) -> tuple[float, int]:
    """Return how much likelier coefficients, multiples of `last`, are if they were multiples of `first` before.

    It is a sum of log-likelihood ratios over the coefficients that are not zero, of frequencies whose first step was
    larger, given with the number of these coefficients. In both cases their sizes are taken to fall off exponentially,
    as those of pictures do.
    """
    total, counted = 0.0, 0
    for at in np.flatnonzero((first > last) & (first > 1)):
        step = float(last.flat[at])
        if seen := int(counts[at, 1:].sum()):
            scale = step * float(counts[at] @ np.arange(MOST_MULTIPLES + 1)) / seen
            total += float(_ratios_of_multiples(step, float(first.flat[at]), round(scale, 1)) @ counts[at])
            counted += seen
    return total, counted


@functools.lru_cache(maxsize=4096)
def _ratios_of_multiples(last: float, first: float, scale: float) -> Array:
    """Return, for each multiple of the last step, the log-likelihood ratio of having been a multiple of the first.

    Args:
        scale: the mean size of the coefficients.
    """
    multiples = np.arange(1, MOST_MULTIPLES + 1)
    once = np.exp(-multiples * last / scale)
    before = np.arange(1, int(MOST_MULTIPLES * last / first) + 2) * first
    edges = np.append(multiples - 0.5, MOST_MULTIPLES + 0.5) * last
    reached = np.diff(ndtr((edges[None] - before[:, None]) / NOISE), axis=1)
    twice = (np.exp(-before / scale)[:, None] * reached).sum(0)
    if not twice.sum() or not once.sum():
        return np.zeros(MOST_MULTIPLES + 1)
    once, twice = once / once.sum(), twice / twice.sum()
    return np.append(0.0, np.log(((1 - OUTLIERS) * twice + OUTLIERS * once + 1e-300) / (once + 1e-300)))


def _likeliest_grid(luma: Array) -> tuple[int, int]:
    """Return how many rows and columns are missing before the first whole block begins, each from 0 to 7.

    On the JPEG's own grid, more coefficients are zero than on any other.
    """

    def zeros(offset: tuple[int, int]) -> float:
        coefficients = _textured(_coefficients(luma, *offset))
        return float((np.abs(coefficients) < 2 * NOISE).mean())

    return max(((rows, columns) for rows in range(BLOCK) for columns in range(BLOCK)), key=zeros)


def _coefficients(plane: Array, rows: int, columns: int) -> Array:
    """Return the coefficients of the whole blocks of a plane of which rows and columns are missing at the beginning.

    Shape (blocks down, blocks across, 8, 8).
    """
    plane = plane[-rows % BLOCK :, -columns % BLOCK :]
    down, across = (side // BLOCK for side in plane.shape)
    blocks = plane[: down * BLOCK, : across * BLOCK].reshape(down, BLOCK, across, BLOCK).swapaxes(1, 2)
    coefficients: Array = dctn(blocks, axes=(2, 3), norm="ortho")
    return coefficients


def _textured(coefficients: Array) -> Array:
    """Return the AC coefficients of the blocks with the most energy; shape (blocks, 8, 8)."""
    blocks = coefficients.reshape(-1, BLOCK, BLOCK).copy()
    blocks[:, 0, 0] = 0
    energy = np.abs(blocks).sum((1, 2))
    return blocks[np.argsort(-energy, kind="stable")[: min(MOST_BLOCKS, max(len(blocks) * 3 // 4, 1))]]


def _likelihood(blocks: Array, steps: Array) -> Array:
    """Return how much likelier coefficients are as multiples of `steps` than at any place; log ratios by frequency."""
    nearest = np.rint(blocks / steps)
    off = blocks - nearest * steps
    density = np.exp(-((off / NOISE) ** 2) / 2) / (NOISE * np.sqrt(2 * np.pi))
    ratio = np.log((1 - OUTLIERS) * steps * density + OUTLIERS)
    return np.where(nearest != 0, ratio, 0).sum(0)


def _likeliest_quality(blocks: Array) -> int | None:
    """Return the quality whose table of luma the coefficients are multiples of; None if it is not to be believed."""
    likelihoods = {quality: _likelihood(blocks, standard_tables(quality)[0]).sum() for quality in range(1, 100)}
    quality = max(likelihoods, key=likelihoods.__getitem__)
    return quality if likelihoods[quality] > BELIEVED else None


def _each_step(blocks: Array) -> Array | None:
    """Return the step of each frequency on its own; infinite where it left no trace, None if none did."""
    candidates = np.arange(1, LARGEST_STEP + 1)
    found = np.stack([_likelihood(blocks, np.full((BLOCK, BLOCK), step, float)) for step in candidates])
    surest = found.max(0)
    is_known = surest > np.log(LARGEST_STEP * BLOCK**2)
    is_zero = np.mean(np.abs(blocks) < 3 * NOISE, axis=0) > 1 - OUTLIERS
    steps = np.where(is_known, candidates[found.argmax(0)], np.where(is_zero, LARGEST_STEP, np.inf))
    # The mean was left out; encoders quantise it about as finely as the lowest frequencies.
    steps[0, 0] = np.inf
    return steps if surest[is_known].sum() > BELIEVED and (steps[is_known] > 1).any() else None


def _with_chroma(pixels: Pixels, grid: tuple[int, int], quality: int | None, steps: Array) -> JpegTrace:
    """Return the trace with the subsampling of chroma, and its place on the grid, that fit it best."""
    _, *chroma = _planes(pixels)
    if max(np.abs(plane).max() for plane in chroma) < 1:
        return JpegTrace(*grid, quality, quantise(pixels, grid, steps[None], ((1, 1),)))
    best, most = None, -np.inf
    for sampling in SAMPLINGS:
        planes = [_without_upsampling(plane, grid, sampling) for plane in chroma]
        for place in _places(grid, sampling):
            found = [
                _coefficients(plane, *(missing // factor for missing, factor in zip(place, sampling, strict=True)))
                for plane in planes
            ]
            blocks = np.concatenate([_textured(coefficients) for coefficients in found])
            table = standard_tables(quality)[1] if quality is not None else _each_step(blocks)
            likelihood = -1.0 if table is None else float(_likelihood(blocks, table)[np.isfinite(table)].sum())
            if likelihood > most:
                best, most = (sampling, place, table), likelihood
    assert best is not None
    sampling, place, table = best
    if most < 0 or table is None:
        table = np.full((BLOCK, BLOCK), np.inf)
    tables = np.stack([steps, table, table])
    return JpegTrace(*place, quality, quantise(pixels, place, tables, ((1, 1), sampling, sampling)))


def quantise(
    pixels: Pixels, place: tuple[int, int], steps: Array, sampling: tuple[tuple[int, int], ...]
) -> JpegCoefficients:
    """Return the coefficients of the JPEG that pixels were decoded from; 0 in blocks that are not complete.

    Args:
        place: how many rows and columns of the JPEG are missing.
        steps, sampling: as in `JpegCoefficients`, which begins at the corner of a block of all components.
    """
    planes = _planes(pixels)[: len(steps)]
    most = (max(down for down, _ in sampling), max(across for _, across in sampling))
    multiples = tuple(
        _multiples(_without_upsampling(plane, place, factors), place, factors, most, table)
        for plane, factors, table in zip(planes, sampling, steps, strict=True)
    )
    return JpegCoefficients(multiples, steps.astype(np.float32), sampling, *pixels.shape[:2])


def _planes(pixels: Pixels) -> list[Array]:
    """Return luma without its offset, and both planes of chroma, in levels."""
    levels = pixels.astype(np.float64)
    luma, *chroma = (levels @ weights for weights in YCBCR)
    return [luma - 128, *chroma]


def _places(grid: tuple[int, int], sampling: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield where the grid of blocks of chroma may lie, given that of luma."""
    for down in range(sampling[0]):
        for across in range(sampling[1]):
            yield grid[0] + BLOCK * down, grid[1] + BLOCK * across


def _without_upsampling(plane: Array, grid: tuple[int, int], sampling: tuple[int, int]) -> Array:
    """Return the samples that decoders made a plane of chroma from, by least squares.

    Decoders give each pixel three quarters of the sample that it lies in and a quarter of its neighbour.
    """
    for axis, (missing, factor) in enumerate(zip(grid, sampling, strict=True)):
        if factor == 1:
            continue
        pixels = np.moveaxis(plane, axis, 0)
        pixels = np.pad(pixels, [(missing % 2, (missing + len(pixels)) % 2), (0, 0)], mode="edge")
        before, after = pixels[0::2], pixels[1::2]
        # The transpose of the upsampling, and the bands of its product with it.
        towards = 0.75 * (before + after)
        towards[1:] += 0.25 * after[:-1]
        towards[:-1] += 0.25 * before[1:]
        towards[0] += 0.25 * before[0]
        towards[-1] += 0.25 * after[-1]
        bands = np.empty((2, len(before)))
        bands[0], bands[1] = 0.375, 1.25
        bands[1, [0, -1]] = 1 + 0.5625 + 0.0625
        plane = np.moveaxis(solveh_banded(bands, towards), 0, axis)
    return plane


def _multiples(
    plane: Array, place: tuple[int, int], sampling: tuple[int, int], most: tuple[int, int], steps: Array
) -> npt.NDArray[np.int16]:
    """Return a plane's coefficients in steps, on a canvas that begins at the JPEG's grid; 0 in incomplete blocks.

    Args:
        sampling: how many pixels a sample of this plane stands for.
        most: the same for chroma; the canvas has whole blocks of it.
    """
    missing = tuple(there // factor for there, factor in zip(place, sampling, strict=True))
    found = _coefficients(plane, *missing)
    first = [-(-there // BLOCK) for there in missing]
    pixels = [side * factor for side, factor in zip(plane.shape, sampling, strict=True)]
    blocks = [
        -(-(there + side) // (BLOCK * largest)) * largest // factor
        for there, side, largest, factor in zip(place, pixels, most, sampling, strict=True)
    ]
    canvas = np.zeros((*blocks, BLOCK, BLOCK), dtype=np.int16)
    multiples = np.where(np.isfinite(steps), np.rint(found / np.where(np.isfinite(steps), steps, 1)), 0)
    canvas[first[0] : first[0] + found.shape[0], first[1] : first[1] + found.shape[1]] = multiples
    return canvas
