"""Cut the demo's photographs out of the thirds that no training image touches, and caption them."""

from collections.abc import Mapping
from typing import Any

from aedr.jobs import job


def crop_demo_photographs(
    folder: str, captions: str, photographs: Mapping[str, Mapping[str, Any]], crops: Mapping[str, Any]
) -> None:
    """Write the crops as 8-bit PNG files to `folder`, and their captions to the CSV file `captions`.

    photographs, crops: sections of demo/training.yaml.
    """
    import csv
    from collections import Counter
    from pathlib import Path

    from aedr.demo.photographs import held_out_crops

    Path(folder).mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    with open(captions, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file", "caption"])
        for name, crop in held_out_crops(photographs, crops):
            file_name = f"{name}_{counts[name]:02d}.png"
            counts[name] += 1
            crop.save(Path(folder) / file_name, optimize=True)
            table.writerow([file_name, photographs[name]["caption"]])


if __name__ == "__main__":
    with job(snakemake):
        crop_demo_photographs(
            snakemake.output.folder, snakemake.output.captions, snakemake.params.photographs, snakemake.params.crops
        )
