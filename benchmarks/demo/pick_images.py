"""Write the third image of every source of a study as a file, so that verdicts on them can be shown.

python benchmarks/demo/pick_images.py RESULTS FOLDER
"""

import sys
from pathlib import Path

from aedr.tables.files import read_table

if __name__ == "__main__":
    results, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted((results / "images").iterdir()):
        if not source.name.startswith("query"):
            images = read_table(source / "00000.parquet", "images").dropna(subset=["image"])
            image = images["image"].iloc[2]
            (folder / f"{source.name}{Path(image['path']).suffix}").write_bytes(image["bytes"])
