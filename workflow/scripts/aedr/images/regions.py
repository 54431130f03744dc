"""Pictures within a picture: the parts of a collage or of a screenshot, and what is opaque of a window."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from aedr.images.pictures import OPAQUE, Pixels, open_image

Levels = npt.NDArray[np.int16]

# Smaller ones are icons, buttons and letters.
SMALLEST_SIDE = 64
LARGEST_PARTS = 16
# By how many levels pixels of one colour differ after compression.
EVEN = 12
# A gap of fewer pixels may belong to a picture.
SMALLEST_GAP = 2
# Where two pictures meet, so large a share of pixels differs from its neighbour across the seam by more than both
# differ from their next ones; within a picture it is about a quarter.
SEAM = 0.5
# Where a picture ends, so large a share of its outermost pixels differs from the colour around it. What is shown on a
# plain background touches it at a few points.
EDGE = 0.5
# How far compression carries a picture's edge into a gap.
SMEARED = 8
# A frame that is narrower than this share leaves a picture what it is.
NEARLY_WHOLE = 0.95
MOST_ALIKE = 4
# Of cuts within cuts; a page has about five.
DEEPEST = 10
# Autoencoders' grids, largest first: an opaque part that begins on the first is on all of them.
GRIDS = (32, 16, 8)


class Region(NamedTuple):
    """A rectangle of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def fragment(self) -> str:
        """The region as W3C's Media Fragments URI names it."""
        return f"xywh={self.left},{self.top},{self.width},{self.height}"

    def of(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the region's pixels."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


def find_parts(pixels: Pixels) -> list[Region]:
    """Return the pictures that a picture is put together from, the largest if they are many; none if it is one.

    Parts are what remains when borders and gaps of one colour are cut away, in rows and columns by turns, and what
    meets without a gap at a half, a third or a quarter of a side. Text falls apart into lines and is left out.

    Args:
        pixels: uint8, shape (height, width, 3).
    """
    levels = np.asarray(Image.fromarray(pixels).convert("L")).astype(np.int16)
    height, width = levels.shape
    blocks = (_within_edges(levels, block) for block in _blocks(levels, Region(0, 0, width, height)))
    parts = [part for block in blocks if block is not None for part in _seamed(levels, block)]
    parts = sorted(parts, key=lambda part: -part.width * part.height)[:LARGEST_PARTS]
    if len(parts) == 1 and parts[0].width * parts[0].height >= NEARLY_WHOLE * width * height:
        return []
    return sorted(parts, key=lambda part: (part.top, part.left))


def _blocks(levels: Levels, region: Region, depth: int = 0) -> Iterator[Region]:
    """Yield the blocks of a recursive cut along rows and columns of one colour that are no smaller than parts are."""
    if min(region.width, region.height) < SMALLEST_SIDE:
        return
    part = region.of(levels)
    whole = [(0, region.height)], [(0, region.width)]
    rows = _pieces(part)
    columns = _pieces(part.T) if rows == whole[0] else whole[1]
    if (rows, columns) == whole or depth == DEEPEST:
        yield region
        return
    for top, bottom in rows:
        for left, right in columns:
            inner = Region(region.left + left, region.top + top, right - left, bottom - top)
            yield from _blocks(levels, inner, depth + 1)


def _pieces(lines: Levels) -> list[tuple[int, int]]:
    """Return where pieces begin and end between lines that are of one colour; the first axis counts the lines."""
    lowest, highest = lines.min(axis=1), lines.max(axis=1)
    even = highest - lowest <= EVEN
    pieces, start, at = [], 0, 0
    while at < len(lines):
        end = at
        # A sky that changes slowly is no gap.
        while end < len(lines) and even[end] and abs(lowest[end] - lowest[at]) <= EVEN:
            end += 1
        is_edge = at == 0 or end == len(lines)
        if end - at >= (1 if is_edge else SMALLEST_GAP):
            if at > start:
                pieces.append((start, at))
            start = end
        at = max(end, at + 1)
    if start < len(lines):
        pieces.append((start, len(lines)))
    return pieces


def _within_edges(levels: Levels, region: Region) -> Region | None:
    """Return a block without what compression carried out of its edges; None if a side does not end abruptly."""
    height, width = levels.shape
    right, bottom = region.left + region.width, region.top + region.height
    rows = levels[:, region.left : right]
    columns = levels.T[:, region.top : bottom]
    top = _edge(rows[max(region.top - 1, 0) : region.top + SMEARED]) if region.top else 0
    left = _edge(columns[max(region.left - 1, 0) : region.left + SMEARED]) if region.left else 0
    below = _edge(rows[bottom - SMEARED : bottom + 1][::-1]) if bottom < height else 0
    beside = _edge(columns[right - SMEARED : right + 1][::-1]) if right < width else 0
    if top is None or left is None or below is None or beside is None:
        return None
    found = Region(region.left + left, region.top + top, region.width - left - beside, region.height - top - below)
    return found if min(found.width, found.height) >= SMALLEST_SIDE else None


def _edge(lines: Levels) -> int | None:
    """Return at which line a picture begins, counted from the second one; None if none differs from that before it."""
    steps = np.abs(np.diff(lines, axis=0))
    ends = np.where((steps > EVEN).mean(axis=1) >= EDGE, steps.mean(axis=1), 0)
    return int(ends.argmax()) if ends.any() else None


def _seamed(levels: Levels, region: Region) -> list[Region]:
    """Return the parts of a region that meet without a gap, all of one size; the region if it is one picture."""
    part = region.of(levels)
    down, across = _count_alike(part), _count_alike(part.T)
    height, width = region.height // down, region.width // across
    return [
        Region(region.left + column * width, region.top + row * height, width, height)
        for row in range(down)
        for column in range(across)
    ]


def _count_alike(lines: Levels) -> int:
    """Return into how many equal parts seams between lines divide a picture; the first axis counts the lines."""
    for count in range(MOST_ALIKE, 1, -1):
        side, rest = divmod(len(lines), count)
        if rest == 0 and side >= SMALLEST_SIDE and all(_is_seam(lines, side * part) for part in range(1, count)):
            return count
    return 1


def _is_seam(lines: Levels, at: int) -> bool:
    steps = np.abs(np.diff(lines[at - 2 : at + 2], axis=0))
    return bool((steps[1] > steps[0] + steps[2]).mean() >= SEAM)


def opaque_part(data: bytes) -> tuple[Region, Pixels] | None:
    """Return the `opaque_region` of an encoded picture that `decode_image` refuses as transparent, and its pixels."""
    with open_image(data) as image:
        rgba = np.asarray(image.convert("RGBA"))
    region = opaque_region(rgba[..., 3] >= OPAQUE)
    return None if region is None else (region, region.of(rgba[..., :3]))


def opaque_region(is_opaque: npt.NDArray[np.bool_]) -> Region | None:
    """Return a large rectangle without transparent pixels that begins on the grid of autoencoders.

    None if it would have less than half of the opaque pixels: then transparency shapes the picture and is no frame.

    Args:
        is_opaque: shape (height, width).
    """
    height, width = is_opaque.shape
    for grid in GRIDS:
        down, across = height // grid, width // grid
        blocks = is_opaque[: down * grid, : across * grid].reshape(down, grid, across, grid)
        cells = np.asarray(blocks.all(axis=(1, 3)))
        if (found := _largest_rectangle(cells)) is None:
            continue
        top, bottom, left, right = (grid * edge for edge in found)
        while bottom < height and is_opaque[bottom, left:right].all():
            bottom += 1
        while right < width and is_opaque[top:bottom, right].all():
            right += 1
        if 2 * (bottom - top) * (right - left) >= is_opaque.sum():
            return Region(left, top, right - left, bottom - top)
    return None


def _largest_rectangle(cells: npt.NDArray[np.bool_]) -> Sequence[int] | None:
    """Return top, bottom, left and right of the largest rectangle of true cells; None if there is no true cell."""
    best, largest = None, 0
    for top in range(len(cells)):
        columns = np.ones(cells.shape[1], bool)
        for bottom in range(top, len(cells)):
            columns = columns & cells[bottom]
            edges = np.flatnonzero(np.diff(columns, prepend=False, append=False))
            if not len(edges):
                break
            lengths = edges[1::2] - edges[::2]
            longest = int(lengths.argmax())
            if (area := (bottom + 1 - top) * int(lengths[longest])) > largest:
                best, largest = (top, bottom + 1, int(edges[2 * longest]), int(edges[2 * longest + 1])), area
    return best
