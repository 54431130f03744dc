"""CPU seconds an image of every way to measure, beside one double reconstruction and beside LatentTracer, in one run.

    PYTHONPATH=workflow/scripts python benchmarks/cost/signals.py [--images 12] [--size 64]

The demo's autoencoders measure its photographs, tiled to squares of `--size` pixels, as PNG and as JPEG 75, in one
thread and in batches of 12. Every way is a run of its own, so nothing is shared; loading is left out, reading the
picture is not. LatentTracer takes 100 steps. Ratios are to double reconstruction of the same pictures (`l2`).
"""

import argparse
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tabulate import tabulate

from aedr.autoencoders.loading import Autoencoder, load_autoencoder
from aedr.costs import Costs
from aedr.images.pictures import Pixels, decode_image, describe_image, encode, format_of
from aedr.observations.history import read_history
from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.observed_shards import observe_shard
from aedr.reconstruction.shards import ReconstructionSettings, reconstruct_shard
from aedr.rivals.latent_tracer import measure as latent_tracer
from aedr.rivals.measuring import measure_shard

AUTOENCODERS = ("demo-sd", "demo-sd3", "demo-tiny", "demo-xl", "demo-vq")
FORMATS: dict[str, dict[str, Any]] = {"PNG": {"format": "PNG"}, "JPEG 75": {"format": "JPEG", "quality": 75}}
CPU = torch.device("cpu")


def tiled(pixels: Pixels, size: int) -> Pixels:
    """Return a square of `size` pixels, filled with mirrored copies."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, max(size - height, 0)), (0, max(size - width, 0)), (0, 0)), "symmetric")[:size, :size]


def settings_of(name: str, orientations: str) -> ReconstructionSettings:
    return ReconstructionSettings(
        study_seed=0,
        autoencoder=name,
        encoding="mode",
        off_grid="crop",
        resize_to=None,
        batch_size=12,
        orientations=orientations,
    )


def read_histories(images: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for image in images.itertuples():
        data = image.image["bytes"]
        history = read_history(data, format_of(data), decode_image(data, upright=False))
        rows.append({"image_id": image.image_id, "history": history.to_json(), "stored": None})
    return pd.DataFrame(rows)


def ways(images: pd.DataFrame, name: str, autoencoder: Autoencoder) -> dict[str, Callable[[], object]]:
    histories = read_histories(images)

    def pixels(*metrics: str) -> object:
        functions = {metric: LOSSES[metric] for metric in metrics}
        return reconstruct_shard(images, autoencoder, functions, settings_of(name, "stored"), CPU)

    def observed(orientations: str, *metrics: str) -> object:
        settings = settings_of(name, orientations)
        return observe_shard(images, histories, autoencoder, metrics, settings, Costs(CPU))

    def traced() -> object:
        measure = functools.partial(latent_tracer, steps=100, learning_rate=0.05)
        few = images.head(4)
        measure_shard(few, autoencoder, "latent_tracer", measure, settings_of(name, "stored"), Costs(CPU))
        return len(few)

    return {
        "l2: double reconstruction": lambda: pixels("l2"),
        "l1, l2, ssim, high_ and mid_frequency": lambda: pixels("l1", "l2", "ssim", "high_frequency", "mid_frequency"),
        "reading the history": lambda: read_histories(images),
        "controlled_l2, cell_l1, cell_l2": lambda: observed("stored", "controlled_l2", "cell_l1", "cell_l2"),
        "refined_l1, refined_l2": lambda: observed("stored", "refined_l1", "refined_l2"),
        "the same, orientation searched": lambda: observed("search", "refined_l1", "refined_l2"),
        "LatentTracer, 100 steps": traced,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--size", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted(Path("demo/photographs").glob("*.png"))[:: max(72 // arguments.images, 1)][: arguments.images]
    squares = [tiled(decode_image(file.read_bytes()), arguments.size) for file in files]
    for kind, options in FORMATS.items():
        rows = [
            {"image_id": file.stem, "source": "photographs"} | describe_image(encode(square, **options), file.stem)
            for file, square in zip(files, squares, strict=True)
        ]
        seconds: dict[str, list[float]] = {}
        for name in AUTOENCODERS:
            autoencoder = load_autoencoder(f"demo/models/{name}", "float32", CPU)
            for way, work in ways(pd.DataFrame(rows), name, autoencoder).items():
                began = time.process_time()
                done = work()
                count = done if isinstance(done, int) else len(rows)
                seconds.setdefault(way, []).append((time.process_time() - began) / count)
        baseline = np.mean(next(iter(seconds.values())))
        table = [
            [way, f"{1000 * np.mean(each):.1f}", f"{np.mean(each) / baseline:.1f}"] for way, each in seconds.items()
        ]
        print(f"\n{len(rows)} pictures of {arguments.size} pixels, {kind}\n")
        print(tabulate(table, ["", "CPU ms an image", "times"], tablefmt="github", disable_numparse=True), flush=True)


if __name__ == "__main__":
    main()
