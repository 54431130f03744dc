"""Write resized copies of a study's images, and smooth pictures, each kind to a folder of its own.

python benchmarks/demo/resize_images.py FRESH FOLDER, where FRESH is a folder of results. Images are enlarged by a half
and shrunk by a quarter (Lanczos). Smooth pictures, which no model made, are colour gradients and blurred noise.
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from aedr.tables.files import read_tables

SCALES = {"enlarged": 1.5, "shrunk": 0.75}
SMOOTH = 24
SIZE = 64


def smooth_pictures() -> list[Image.Image]:
    """Return gradients between two colours, and noise blurred by 3 to 9 pixels, as many of each."""
    chance = np.random.default_rng(7)
    rows, columns = np.mgrid[0 : 1 : SIZE * 1j, 0 : 1 : SIZE * 1j]
    pictures = []
    for _ in range(SMOOTH):
        angle, (begin, end) = chance.uniform(0, np.pi), chance.integers(0, 256, (2, 3))
        share = (np.cos(angle) * rows + np.sin(angle) * columns)[..., None] / np.sqrt(2)
        pictures.append(Image.fromarray(np.clip(begin + share * (end - begin), 0, 255).astype(np.uint8)))
        noise = Image.fromarray(chance.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8))
        pictures.append(noise.filter(ImageFilter.GaussianBlur(chance.uniform(3, 9))))
    return pictures


if __name__ == "__main__":
    fresh, folder = Path(sys.argv[1]), Path(sys.argv[2])
    images = read_tables(sorted(fresh.glob("images/*/*.parquet")), "images")
    for kind, scale in SCALES.items():
        for row in images.itertuples():
            path = folder / kind / row.source / f"{row.image_id.rpartition('/')[2]}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(io.BytesIO(row.image["bytes"])) as image:
                size = (round(image.width * scale), round(image.height * scale))
                image.resize(size, Image.Resampling.LANCZOS).save(path)
    (folder / "smooth" / "pictures").mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(smooth_pictures()):
        picture.save(folder / "smooth" / "pictures" / f"{i:02d}.png")
