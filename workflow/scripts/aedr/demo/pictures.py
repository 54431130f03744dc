"""Small training pictures drawn at random from the photographs' training parts, and the phrases that describe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy
import numpy.typing
from PIL import Image, ImageFilter

Array = numpy.typing.NDArray[numpy.float32]

# How a picture may look, and the phrases of demo/vocabulary for it: (movement or None, flavors).
LOOKS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "bright": ("luminism", ("bright", "bright light")),
    "dark": ("tonalism", ("dark", "dim light")),
    "warm": (None, ("warm colors", "golden light")),
    "cool": (None, ("cool colors", "blue light")),
    "vivid": ("fauvism", ("vivid colors", "saturated colors")),
    "muted": (None, ("muted colors", "pale colors")),
    "monochrome": (None, ("black and white", "monochrome")),
    "contrast": (None, ("high contrast", "strong shadows")),
    "haze": (None, ("low contrast", "misty")),
    "soft": ("pictorialism", ("soft focus", "blurry")),
    "plain": ("realism", ("natural light", "natural colors")),
    "crisp": (None, ("sharp focus", "crisp")),
    "near": (None, ("close-up", "detailed view")),
    "far": (None, ("wide view", "seen from afar")),
    "mirrored": (None, ("mirrored",)),
}
# Looks that contradict each other: of each group, at most one is drawn.
GROUPS = (("bright", "dark"), ("warm", "cool"), ("vivid", "muted", "monochrome"), ("contrast", "haze"))


def _grey(x: Array) -> Array:
    return (x @ numpy.array([0.299, 0.587, 0.114], dtype=numpy.float32))[..., None]


CHANGES: dict[str, Callable[[Array, float], Array]] = {
    "bright": lambda x, k: x ** (1 - 0.4 * k) + 0.05 * k,
    "dark": lambda x, k: x ** (1 + 0.4 * k) * (1 - 0.4 * k),
    "warm": lambda x, k: x * (1 + k * numpy.array([0.22, 0.02, -0.3], dtype=numpy.float32)),
    "cool": lambda x, k: x * (1 + k * numpy.array([-0.3, -0.02, 0.25], dtype=numpy.float32)),
    "vivid": lambda x, k: x + (x - _grey(x)) * 0.7 * k,
    "muted": lambda x, k: x + (_grey(x) - x) * 0.65 * k,
    "monochrome": lambda x, k: numpy.repeat(_grey(x), 3, axis=-1),
    "contrast": lambda x, k: (x - 0.45) * (1 + 0.5 * k) + 0.45,
    "haze": lambda x, k: x + (0.62 - x) * 0.45 * k,
}


def crop_square(part: Image.Image, box: tuple[float, float, float, float], size: int) -> Image.Image:
    """Return the square `box` (left, top, right, bottom, in pixels of `part`) shrunk to `size` x `size` pixels."""
    return part.resize((size, size), Image.Resampling.LANCZOS, box=box)


def draw_picture(
    rng: numpy.random.Generator,
    part: Image.Image,
    focus: tuple[float, float],
    settings: Mapping[str, Any],
    native: bool,
) -> tuple[Array, list[str]]:
    """Draw one training picture.

    rng: decides everything; part: the photograph's training part; focus: the object's middle, as fractions of the part;
    settings: the `pictures` section of demo/training.yaml; native: True for a crop from anywhere, at any scale up to
    the photograph's own, which shows textures rather than the object.
    Returns the picture, float32 (size, size, 3) in [0, 1] at 256 levels, and its looks (keys of LOOKS).
    """
    size = settings["size"]
    shortest = min(part.size)
    low, high = settings["short_side"]
    scale = float(numpy.exp(rng.uniform(numpy.log(low), numpy.log(shortest if native else high))))
    side = size * shortest / scale
    looks = []
    if native:
        left, top = rng.uniform(0, part.width - side), rng.uniform(0, part.height - side)
    else:
        # The jitter is small enough to keep the object inside the picture.
        left = focus[0] * part.width - side / 2 + rng.normal(0, settings["jitter"]) * side
        top = focus[1] * part.height - side / 2 + rng.normal(0, settings["jitter"]) * side
        left, top = min(max(left, 0), part.width - side), min(max(top, 0), part.height - side)
        if scale >= settings["close_up_from"]:
            looks.append("near")
        elif scale <= settings["wide_view_to"]:
            looks.append("far")
    picture = crop_square(part, (left, top, left + side, top + side), size)
    if rng.random() < 0.25:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        looks.append("mirrored")
    if rng.random() < 0.12:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.9, 1.5))))
        looks.append("soft")
    else:
        looks.append("crisp")
    pixels = numpy.asarray(picture, dtype=numpy.float32) / numpy.float32(255)
    changed = False
    for group in GROUPS:
        if rng.random() < 0.22:
            look = str(rng.choice(group))
            pixels = numpy.clip(CHANGES[look](pixels, float(rng.uniform(0.6, 1.0))), 0, 1).astype(numpy.float32)
            looks.append(look)
            changed = True
    if not changed:
        looks.append("plain")
    return (numpy.rint(pixels * 255) / 255).astype(numpy.float32), looks


def draw_pictures(
    rng: numpy.random.Generator,
    count: int,
    parts: Mapping[str, Image.Image],
    photographs: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    native_share: float = 0.0,
) -> tuple[Array, list[str], list[list[str]]]:
    """Draw `count` training pictures; each photograph has the same chance.

    Returns the pictures, float32 (count, 3, size, size) in [-1, 1], the names of their photographs, and their looks.
    """
    pictures, chosen, looks = [], [], []
    names = sorted(parts)
    for _ in range(count):
        name = names[int(rng.integers(len(names)))]
        native = bool(rng.random() < native_share)
        picture, picture_looks = draw_picture(rng, parts[name], photographs[name]["focus"], settings, native)
        pictures.append(picture.transpose(2, 0, 1) * 2 - 1)
        chosen.append(name)
        looks.append(picture_looks)
    return numpy.stack(pictures), chosen, looks
