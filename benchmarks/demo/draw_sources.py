"""Draw twelve pictures of every source of a study, with its name; the README shows the embedded study's.

python benchmarks/demo/draw_sources.py RESULTS PICTURE [PICTURE ...], as PNG, SVG or PDF by the names of the files.
"""

import sys
from pathlib import Path

import numpy as np

from aedr.figures.sources import draw_sources
from aedr.images.pictures import decode_image
from aedr.study.sources import QUERY, RESTORED
from aedr.tables.files import read_tables

COLUMNS = 12

if __name__ == "__main__":
    pictures = {}
    for folder in sorted((Path(sys.argv[1]) / "images").iterdir()):
        if folder.name in (QUERY, RESTORED):
            continue
        images = read_tables(sorted(folder.iterdir()), "images").dropna(subset=["image"])
        # The middles of twelve equal parts, so that no part of the source is left out.
        chosen = (np.arange(COLUMNS) + 0.5) * len(images) / COLUMNS
        pictures[folder.name.removeprefix("demo-")] = [
            decode_image(image["bytes"], 10**8) for image in images["image"].iloc[chosen.astype(int)]
        ]
    draw_sources(pictures, sys.argv[2:])
