"""Ask the denoisers of the demo's models of one family about images of other seeds, untouched and damaged.

    python benchmarks/demo/measure_members.py CALIBRATION RESULTS FOLDER [--damage NAME ...]

CALIBRATION is that of the second stage of config/demo/members.yaml, RESULTS the folder of a run with another seed.
FOLDER takes a table of errors for each kind of damage, as `measure_denoising` would write it for a query of these
images. A table that exists is kept. `benchmarks/demo/score_members.py` scores them; `make demo-members` runs both.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from measure_damage import CPU, DAMAGE, damaged_tables

from aedr.autoencoders.loading import Autoencoder, load_autoencoder
from aedr.costs import Costs
from aedr.denoisers.measuring import Denoiser, DenoisingSettings, measure_shard
from aedr.images.pipelines import load_pipeline
from aedr.reconstruction.observed_shards import observe_pictures
from aedr.reconstruction.shards import ReconstructionSettings
from aedr.study.sources import QUERY
from aedr.tables.files import read_tables, write_table
from aedr.verdicts.model_calibration import read_model_calibration

FAMILY = "demo-sd"
UNDAMAGED = "untouched"


READING = ReconstructionSettings(0, FAMILY, "mode", "crop", None, batch_size=12, orientations="search")


def ask(
    model: str,
    autoencoder: Autoencoder,
    images: pd.DataFrame,
    histories: pd.DataFrame,
    orientations: dict[str, int],
    settings: dict[str, Any],
) -> list[dict[str, object]]:
    """Return the errors of one model's denoiser for images that are asked about."""
    costs = Costs(CPU)
    loading = {"pipeline": "StableDiffusionPipeline", "precision": "float32"}
    denoiser = Denoiser(load_pipeline(f"demo/models/{model}", model, loading, CPU, costs), model, {}, costs)
    asked = DenoisingSettings(**settings)
    return measure_shard(images, histories, autoencoder, denoiser, asked, READING, {}, orientations)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("calibration", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--damage", nargs="+", default=[UNDAMAGED], choices=DAMAGE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    description, _ = read_model_calibration(arguments.calibration)
    models = list(description["families"][FAMILY])
    autoencoder = load_autoencoder(f"demo/models/{FAMILY}", "float32", CPU)
    files = [file for model in models for file in sorted((arguments.results / "images" / model).glob("*.parquet"))]
    images = read_tables(files, "images")
    for damage in arguments.damage:
        output = arguments.folder / f"{damage}.parquet"
        if output.exists():
            continue
        print(f"{arguments.results} after {damage}", flush=True)
        damaged, histories = damaged_tables(images, DAMAGE[damage])
        damaged = damaged[damaged["source"] == QUERY]
        pictures, _ = observe_pictures(damaged, histories, autoencoder, READING, Costs(CPU))
        turned = {picture.image_id: picture.orientation or 0 for picture in pictures}
        settings = description["settings"]
        rows = [row for model in models for row in ask(model, autoencoder, damaged, histories, turned, settings)]
        write_table(output, "denoising", rows, {"settings": settings})


if __name__ == "__main__":
    main()
