"""Save photographs as people have them: JPEG files of six qualities and sizes that fit no autoencoder's grid.

python benchmarks/demo/save_odd_photographs.py FOLDER. The photographs are those of crop_unseen_photographs.py, uncut,
twelve times six.
"""

import sys
from pathlib import Path

from crop_unseen_photographs import PHOTOGRAPHS, shrunk_photograph

QUALITIES = {71: 95, 85: 90, 101: 85, 123: 80, 147: 75, 175: 70}  # by the short side in pixels

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in PHOTOGRAPHS:
        for short_side, quality in QUALITIES.items():
            file = folder / f"{Path(name).stem}_{short_side}.jpg"
            shrunk_photograph(name, short_side).save(file, quality=quality)
