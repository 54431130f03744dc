"""Draw twelve pictures of every source of a study, with its name; the README shows the embedded study's.

python benchmarks/demo/draw_sources.py RESULTS PICTURE
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from aedr.images.pictures import decode_image
from aedr.tables.files import read_tables

COLUMNS = 12

if __name__ == "__main__":
    results, picture = Path(sys.argv[1]), sys.argv[2]
    sources = sorted(folder.name for folder in (results / "images").iterdir())
    figure, grid = plt.subplots(len(sources), COLUMNS, figsize=(10.5, 0.87 * len(sources)), layout="constrained")
    for row, source in zip(grid, sources, strict=True):
        images = read_tables(sorted((results / "images" / source).iterdir()), "images").dropna(subset=["image"])
        # The middles of twelve equal parts, so that no part of the source is left out.
        chosen = (np.arange(COLUMNS) + 0.5) * len(images) / COLUMNS
        for axes, image in zip(row, images["image"].iloc[chosen.astype(int)], strict=True):
            axes.imshow(decode_image(image["bytes"], 10**8), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(source.removeprefix("demo-"), fontsize=8)
    figure.savefig(picture, dpi=110, metadata={"Software": None})
