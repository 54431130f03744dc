"""The report's runtimes: what Snakemake measured for the jobs of each model and each autoencoder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

# Rules with jobs for a model's images, and rules with jobs for an autoencoder.
OF_IMAGES = {
    "generate_images": "generated",
    "decode_images": "decoded",
    "import_images": "imported",
    "read_dataset": "read from a data set",
    "measure_homogeneity": "homogeneity measured",
    "read_histories": "histories read",
}
OF_AUTOENCODERS = {"reconstruct_images": "reconstructed twice"}


@dataclass(frozen=True)
class Cost:
    """What the jobs of one rule took for one model or autoencoder; `memory` is the largest job's, in bytes."""

    name: str
    work: str
    jobs: int
    images: int
    seconds: float
    processor_seconds: float
    memory: float


def read_costs(folder: str | Path, images: Mapping[str, int], families: Iterable[str]) -> list[Cost]:
    """Return the costs from the benchmark files below `folder`, only for what the study has now.

    Args:
        images: the number of images of each source.
        families: the autoencoders that were reconstructed.
    """
    costs = []
    for rule, work in (OF_IMAGES | OF_AUTOENCODERS).items():
        for name in images if rule in OF_IMAGES else families:
            sources = [""] if rule in OF_IMAGES else list(images)
            files = [file for source in sources for file in (Path(folder) / rule / name / source).glob("*.tsv")]
            if files:
                measured = pd.concat([pd.read_csv(file, sep="\t", na_values="-") for file in sorted(files)])
                costs.append(
                    Cost(
                        name,
                        work,
                        len(files),
                        images[name] if rule in OF_IMAGES else sum(images.values()),
                        float(measured["s"].sum()),
                        float(measured["cpu_time"].sum()),
                        float(measured["max_rss"].max() * 2**20),
                    )
                )
    return costs
