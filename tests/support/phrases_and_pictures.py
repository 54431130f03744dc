"""A small vocabulary, and pictures, for the tests of prompts."""

from pathlib import Path

import numpy as np

from aedr.images.pictures import Pixels

FILES = {
    "mediums.txt": ["a photo", "a painting", "a sketch"],
    "artists.txt": ["Ada Lovelace", "Jan van Eyck", "Stéfan van der Walt"],
    "trendings.txt": ["flickr", "pixabay"],
    "movements.txt": ["realism", "cubism", "dada"],
    "flavors.txt": ["bright", "dark", "soft focus", "a red sky", "old street", "small house"],
}


def write_vocabulary(folder: Path, files: dict[str, list[str]]) -> Path:
    folder.mkdir()
    for name, phrases in files.items():
        (folder / name).write_text("\n".join(phrases) + "\n", encoding="utf-8")
    return folder


def draw_pictures(count: int, seed: int = 0) -> list[Pixels]:
    """Pictures of unlike colours, contrasts and shapes."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        height, width = rng.integers(33, 60, 2)
        noise = rng.normal(0, rng.uniform(5, 80), (height, width, 3)) + rng.uniform(30, 220, 3)
        pictures.append(np.clip(noise, 0, 255).astype(np.uint8))
    return pictures
