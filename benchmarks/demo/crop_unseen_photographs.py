"""Cut crops of 64 pixels out of photographs that no part of the embedded study was made of.

python benchmarks/demo/crop_unseen_photographs.py FOLDER. The photographs are others that scikit-image installs; each is
shrunk until its short side has 160 pixels and cut at four places.
"""

import sys
from pathlib import Path

import skimage
from PIL import Image, ImageOps

PHOTOGRAPHS = ["brick.png", "camera.png", "cell.png", "clock_motion.png", "coins.png", "grass.png", "gravel.png"]
PHOTOGRAPHS += ["hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg"]
SHORT_SIDE, SIZE = 160, 64


def shrunk_photograph(name: str, short_side: int) -> Image.Image:
    """Return one of PHOTOGRAPHS as RGB, shrunk until its short side has so many pixels."""
    with Image.open(Path(skimage.__file__).parent / "data" / name) as image:
        whole = ImageOps.exif_transpose(image).convert("RGB")
    scale = short_side / min(whole.size)
    return whole.resize((round(whole.width * scale), round(whole.height * scale)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in PHOTOGRAPHS:
        small = shrunk_photograph(name, SHORT_SIDE)
        left, top = (small.width - 2 * SIZE) // 2, (small.height - 2 * SIZE) // 2
        for i in range(4):
            x, y = left + SIZE * (i % 2), top + SIZE * (i // 2)
            small.crop((x, y, x + SIZE, y + SIZE)).save(folder / f"{Path(name).stem}_{i}.png")
