"""The photographs that come with installed packages: the parts to train on and the held-out parts.

A photograph's entry (demo/training.yaml, `photographs`) names the package, the side on which a third is held out, and
the middle of the object in the other two thirds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy
import numpy.typing
from PIL import Image

from aedr.errors import UserError

Box = tuple[int, int, int]
SIDES = ("left", "right", "top", "bottom")


def load_photograph(name: str, package: str) -> Image.Image:
    """Return an installed photograph as an 8-bit RGB picture.

    Raises UserError if the package is neither "skimage" nor "sklearn", or has no such photograph.
    """
    if package == "skimage":
        from skimage import data

        if name not in ("astronaut", "rocket", "chelsea", "coffee"):
            raise UserError(
                f"demo/training.yaml: scikit-image's photograph '{name}' cannot be used here; "
                "expected one of astronaut, rocket, chelsea, coffee"
            )
        return Image.fromarray(getattr(data, name)())
    if package == "sklearn":
        from sklearn.datasets import load_sample_image

        try:
            return Image.fromarray(load_sample_image(f"{name}.jpg"))
        except AttributeError:
            raise UserError(
                f"demo/training.yaml: scikit-learn has no photograph '{name}'; expected china or flower"
            ) from None
    raise UserError(f"demo/training.yaml: photograph '{name}': package must be skimage or sklearn, not '{package}'")


def split_photograph(photograph: Image.Image, held_out: str) -> tuple[Image.Image, Image.Image]:
    """Return (the two thirds to train on, the third on the side `held_out`); they share no pixels."""
    if held_out not in SIDES:
        raise UserError(f"demo/training.yaml: held_out must be one of {', '.join(SIDES)}, not '{held_out}'")
    width, height = photograph.size
    third_x, third_y = width // 3, height // 3
    kept, held = {
        "left": ((third_x, 0, width, height), (0, 0, third_x, height)),
        "right": ((0, 0, width - third_x, height), (width - third_x, 0, width, height)),
        "top": ((0, third_y, width, height), (0, 0, width, third_y)),
        "bottom": ((0, 0, width, height - third_y), (0, height - third_y, width, height)),
    }[held_out]
    return photograph.crop(kept), photograph.crop(held)


def load_parts(photographs: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Image.Image, Image.Image]]:
    """Return (training part, held-out part) of each named photograph."""
    return {
        name: split_photograph(load_photograph(name, entry["package"]), entry["held_out"])
        for name, entry in photographs.items()
    }


def load_training_parts(photographs: Mapping[str, Mapping[str, Any]]) -> dict[str, Image.Image]:
    """Return the training part of each named photograph."""
    return {name: training_part for name, (training_part, _) in load_parts(photographs).items()}


def crop_held_out(part: Image.Image, crops: Mapping[str, Any]) -> list[Image.Image]:
    """Return a held-out part's crops, 8-bit RGB squares; crops are shrunk, never enlarged.

    crops: the `crops` section of demo/training.yaml. The lengths in `sides` take turns; for each, the next crop is the
    one that overlaps least with those chosen before. Left out are crops with little detail (sky, blurred background:
    neighbouring grey levels differ by less than `detail` on average) and crops that share more than `overlap` of the
    area that both cover. Raises UserError if too few remain.
    """
    candidates: dict[int, list[tuple[Box, Image.Image]]] = {side: [] for side in sorted(crops["sides"], reverse=True)}
    for side, squares in candidates.items():
        for top in range(0, part.height - side + 1, 8):
            for left in range(0, part.width - side + 1, 8):
                square = part.crop((left, top, left + side, top + side))
                crop = square.resize((crops["size"], crops["size"]), Image.Resampling.LANCZOS)
                if measure_detail(crop) >= crops["detail"]:
                    squares.append(((left, top, side), crop))
    chosen: list[tuple[Box, Image.Image]] = []
    while len(chosen) < crops["for_each"]:
        before = len(chosen)
        for squares in candidates.values():
            if not squares or len(chosen) == crops["for_each"]:
                continue
            shares = [max((shared_area(box, other) for other, _ in chosen), default=0.0) for box, _ in squares]
            if min(shares) <= crops["overlap"]:
                chosen.append(squares[shares.index(min(shares))])
        if len(chosen) == before:
            raise UserError(
                f"demo/training.yaml: only {before} of {crops['for_each']} crops fit into {part.width}x{part.height} "
                "held-out pixels; allow more overlap, less detail or shorter sides"
            )
    return [crop for _, crop in chosen]


def measure_detail(picture: Image.Image) -> float:
    """Return the mean absolute difference of neighbouring grey levels (0 to 255) of a picture."""
    grey = numpy.asarray(picture.convert("L"), dtype=numpy.float32)
    return float(numpy.abs(numpy.diff(grey, axis=0)).mean() + numpy.abs(numpy.diff(grey, axis=1)).mean()) / 2


def shared_area(a: Box, b: Box) -> float:
    """Return the area that both of two squares (left, top, side) cover, as a share of the area that either covers."""
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[2], b[1] + b[2]) - max(a[1], b[1])
    both = max(across, 0) * max(down, 0)
    return both / (a[2] ** 2 + b[2] ** 2 - both)


def held_out_crops(
    photographs: Mapping[str, Mapping[str, Any]], crops: Mapping[str, Any]
) -> list[tuple[str, Image.Image]]:
    """Return (photograph's name, crop) for every held-out crop of every photograph."""
    return [(name, crop) for name, (_, held) in load_parts(photographs).items() for crop in crop_held_out(held, crops)]
