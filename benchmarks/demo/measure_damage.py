"""Measure a study's images again after every kind of damage, under every autoencoder of the demo.

    python benchmarks/demo/measure_damage.py RESULTS FOLDER [--images 36] [--photographs FIRST STEP]
                                            [--damage NAME ...]

RESULTS is the folder of a run of the demo with other seeds, FOLDER takes the tables: images, losses, homogeneity and
histories of every kind of damage, as `snakemake attribute` would have them. A table that exists is kept. Of the
photographs, which are the same for every seed, each STEP-th is taken, from the one numbered FIRST.
`benchmarks/demo/score_damage.py` scores them; `make demo-signals` runs both.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from aedr.autoencoders.loading import Autoencoder, load_autoencoder
from aedr.costs import Costs
from aedr.errors import UnusableImage
from aedr.images.homogeneity import homogeneity, read_grey
from aedr.images.pictures import decode_image, describe_image, encode_png, format_of
from aedr.observations.history import describe, read_history
from aedr.observations.observing import repeated
from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.observed_shards import observe_shard
from aedr.reconstruction.shards import ReconstructionSettings, reconstruct_shard
from aedr.robustness.transforms import transform_image
from aedr.study.metrics import OBSERVED
from aedr.study.sources import RESTORED, restored_id
from aedr.study.transform_steps import keeps_size
from aedr.tables.files import read_tables, write_table
from aedr.verdicts.resizes import copies

AUTOENCODERS = ("demo-sd", "demo-sd3", "demo-tiny", "demo-xl", "demo-vq")
SOURCES = (*AUTOENCODERS, "photographs")
PIXEL_METRICS = ("l2", "high_frequency", "mid_frequency")
SHRUNK = {"resize": {"scale": 0.75, "filter": "lanczos"}}
DAMAGE: dict[str, list[dict[str, Any]]] = {
    "untouched": [],
    "jpeg-95": [{"jpeg": 95}],
    "jpeg-90": [{"jpeg": 90}],
    "jpeg-75": [{"jpeg": 75}],
    "jpeg-60": [{"jpeg": 60}],
    "jpeg-40": [{"jpeg": 40}],
    "jpeg-75-as-png": [{"jpeg": 75}, {"png": {}}],
    "jpeg-75-then-90": [{"jpeg": 75}, {"jpeg": 90}],
    "webp-80": [{"webp": 80}],
    "webp-50": [{"webp": 50}],
    "avif-60": [{"avif": 60}],
    "shrunk-restored": [SHRUNK, {"restore_size": {}}],
    "shrunk-jpeg-75": [SHRUNK, {"jpeg": 75}],
    "shrunk-jpeg-75-restored": [SHRUNK, {"jpeg": 75}, {"restore_size": {}}],
    "enlarged": [{"resize": {"scale": 1.5, "filter": "lanczos"}}],
    "mirrored": [{"mirror": {}}],
    "searched": [],
    "crop-jpeg-85-searched": [{"crop": {"rows": 3, "columns": 5}}, {"jpeg": 85}],
}
CPU = torch.device("cpu")


def damaged_tables(
    images: pd.DataFrame, steps: list[dict[str, Any]], side: int = 64
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the images and the histories tables of damaged images, and of their copies at other sizes.

    Args:
        side: of own images, in pixels.
    """
    rows: list[dict[str, object]] = []
    histories: list[dict[str, object]] = []

    def add(image_id: str, source: str, data: bytes, history: Any, stored: bytes | None) -> None:
        rows.append({"image_id": image_id, "source": source} | describe_image(data, image_id))
        known = {"history": history.to_json(), "history_in_words": describe(history), "reason": None}
        kept = stored and {"bytes": stored, "path": image_id}
        histories.append({"image_id": image_id, "source": source, "stored": kept} | known)

    for number, image in enumerate(images.itertuples()):
        data = transform_image(image.image["bytes"], steps, seed=number)
        pixels = decode_image(data, upright=False)
        history = read_history(data, format_of(data), pixels)
        name = f"query/{image.image_id}"
        add(name, "query", data, history, None)
        for copy in copies(data, pixels, history, [(side, side)]):
            height, width = copy.pixels.shape[:2]
            add(restored_id(name, width, height), RESTORED, encode_png(copy.pixels), copy.history, copy.stored)
    return pd.DataFrame(rows), pd.DataFrame(histories)


def measure(
    name: str, images: pd.DataFrame, histories: pd.DataFrame, autoencoder: Autoencoder, off_grid: str, steps: Any
) -> list[dict[str, object]]:
    """Return the losses, under one autoencoder, of images after `steps` and of copies."""
    is_repeated = steps and keeps_size(steps)
    again = repeated(lambda pixels: transform_image(encode_png(pixels), steps, seed=0)) if is_repeated else None
    settings = ReconstructionSettings(
        study_seed=0,
        autoencoder=name,
        encoding="mode",
        off_grid=off_grid,
        resize_to=None,
        batch_size=12,
        orientations="stored" if off_grid == "search" else "search",
        damage=again,
    )
    functions = {metric: LOSSES[metric] for metric in PIXEL_METRICS}
    return [
        *reconstruct_shard(images, autoencoder, functions, settings, CPU),
        *observe_shard(images, histories, autoencoder, OBSERVED, settings, Costs(CPU)),
    ]


def measured_homogeneity(images: pd.DataFrame) -> pd.DataFrame:
    def of(image: Mapping[str, bytes]) -> float | None:
        try:
            return homogeneity(read_grey(image["bytes"]))
        except UnusableImage:
            return None

    rows = images[["image_id", "source"]].assign(group=images["image_id"], reason=None)
    return rows.assign(homogeneity=[of(image) for image in images["image"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=36, help="of each model, at most")
    parser.add_argument("--photographs", type=int, nargs=2, default=(0, 1), metavar=("FIRST", "STEP"))
    parser.add_argument("--damage", nargs="+", default=list(DAMAGE), choices=DAMAGE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    autoencoders = {name: load_autoencoder(f"demo/models/{name}", "float32", CPU) for name in AUTOENCODERS}
    tables = [
        read_tables(sorted((arguments.results / "images" / source).glob("*.parquet")), "images") for source in SOURCES
    ]
    first, step = arguments.photographs
    taken = [table.head(arguments.images) for table in tables[:-1]]
    images = pd.concat([*taken, tables[-1].iloc[first::step]], ignore_index=True)
    for damage in arguments.damage:
        folder = arguments.folder / damage
        if (folder / "losses.parquet").exists():
            continue
        print(f"{arguments.results} after {damage}", flush=True)
        steps = DAMAGE[damage]
        damaged, histories = damaged_tables(images, steps)
        off_grid = "search" if "searched" in damage else "crop"
        losses = [
            row
            for name, autoencoder in autoencoders.items()
            for row in measure(name, damaged, histories, autoencoder, off_grid, steps)
        ]
        write_table(folder / "images.parquet", "images", damaged, {})
        write_table(folder / "histories.parquet", "histories", histories, {})
        write_table(folder / "homogeneity.parquet", "homogeneity", measured_homogeneity(damaged), {})
        write_table(folder / "losses.parquet", "losses", losses, {})


if __name__ == "__main__":
    main()
