"""How a transform is written in the configuration; light, because this runs when the workflow is planned.

A transform is a list of steps, each a mapping of one operation of `aedr.robustness.transforms` to its options, or to
the single number that `SHORTHANDS` names: `[{resize: 0.5}, {jpeg: {quality: 75, subsampling: "4:4:4"}}]`.

`search_grid` may come last. It changes no pixels; the damaged image is then reconstructed with a search of the grid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Step = Mapping[str, Any]
Steps = Sequence[Step]

SEARCH = "search_grid"
# The undamaged images with a search of the grid, which searched transforms are compared with.
SEARCHED = "searched"
# The undamaged images.
UNTOUCHED = "untouched"
# A multiple of the factor of every known autoencoder.
DEFAULT_GRID = 64
# The option that a single number stands for.
SHORTHANDS = {
    "jpeg": "quality",
    "webp": "quality",
    "avif": "quality",
    "resize": "scale",
    "shrink": "longest",
    "centre_crop": "size",
    "blur": "radius",
    "noise": "levels",
    "brightness": "factor",
    "contrast": "factor",
    "turn": "degrees",
}


def options_of(step: Step) -> tuple[str, dict[str, Any]]:
    """Return a step's operation and its options by name, even if a single number was given."""
    [(operation, options)] = step.items()
    return operation, dict(options) if isinstance(options, Mapping) else {SHORTHANDS[operation]: options}


def picture_steps(steps: Steps) -> list[Step]:
    """Return the steps that change images: all but the search."""
    return [step for step in steps if SEARCH not in step]


def is_searched(steps: Steps) -> bool:
    """Return whether the damaged images are reconstructed with a search of the grid."""
    return any(SEARCH in step for step in steps)


def is_random(steps: Steps) -> bool:
    """Return whether a transform depends on a seed."""
    return any("noise" in step for step in steps)


def keeps_size(steps: Steps) -> bool:
    """Return whether a transform leaves every pixel at its place, so that the same can be done to a reconstruction."""
    is_kept = True
    for operation, _ in map(options_of, steps):
        if operation in ("crop", "centre_crop", "pad", "mirror", "turn"):
            return False
        is_kept = operation == "restore_size" or (is_kept and operation not in ("resize", "shrink"))
    return is_kept


@dataclass(frozen=True)
class StrengthAxis:
    """Transforms that differ only in the strength of one operation: its label, and the value of each transform."""

    label: str
    strengths: Mapping[str, float]


def strength_axes(transforms: Mapping[str, Steps]) -> list[StrengthAxis]:
    """Return an axis for each group of transforms with the same operations and options but different numbers.

    The strength is the first number that is different in every transform of the group.
    """
    alike: dict[str, dict[str, dict[str, float]]] = {}
    for name, steps in transforms.items():
        numbers: dict[str, float] = {}
        rest = []
        for operation, options in map(options_of, steps):
            rest.append((operation, sorted((k, v if isinstance(v, str) else None) for k, v in options.items())))
            numbers |= {f"{operation} {k}": v for k, v in options.items() if not isinstance(v, str)}
        alike.setdefault(repr(rest), {})[name] = numbers
    axes = []
    for members in alike.values():
        for label in next(iter(members.values())):
            strengths = {name: numbers[label] for name, numbers in members.items()}
            if 1 < len(strengths) == len(set(strengths.values())):
                axes.append(StrengthAxis(label, dict(sorted(strengths.items(), key=lambda item: item[1]))))
                break
    return axes
