"""Time and memory of the jobs that collect a whole study: signals, thresholds, accuracy, calibration.

Writes tables of losses and homogeneity of random numbers and runs the scripts' functions on them, each in a process of
its own. These jobs hold one family at a time, so their memory follows from `--images`, and their time from images times
`--families`.

    python benchmarks/cost/collecting.py [--images 100000] [--sources 31] [--families 2]
"""

import argparse
import resource
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "workflow" / "scripts"))

from aedr.tables.files import write_table  # noqa: E402
from compute_signals import compute_signals  # noqa: E402
from evaluate_accuracy import evaluate_accuracy  # noqa: E402
from export_calibration import export_calibration  # noqa: E402
from fit_threshold import fit_threshold  # noqa: E402

METRICS = ["l2", "high_frequency", "mid_frequency"]


def write_tables(folder: Path, images: int, sources: list[str], families: list[str]) -> None:
    """Write the tables that a study of so many images in all has before its collecting jobs."""
    chance = np.random.default_rng(0)
    rows = [{"autoencoder": name, "family": name, "class": "AutoencoderKL", "parameters": 1} for name in families]
    autoencoders = pd.DataFrame(rows).assign(factor=8, shares_encoder_with=[[]] * len(families))
    digests = {key: families for key in ("encoder_sha256", "decoder_sha256")}
    write_table(folder / "autoencoders.parquet", "autoencoders", autoencoders.assign(**digests), {})
    for source in sources:
        ids = [f"{source}/{i:07d}" for i in range(images // len(sources))]
        of_images = pd.DataFrame({"image_id": ids, "source": source, "group": ids})
        of_images["homogeneity"] = chance.uniform(0.1, 0.9, len(ids))
        write_table(folder / f"homogeneity/{source}.parquet", "homogeneity", of_images, {})
        for family in families:
            losses = pd.DataFrame({"image_id": np.repeat(ids, len(METRICS)), "source": source, "autoencoder": family})
            second = chance.lognormal(-5, 1, len(losses))
            first = second * chance.lognormal(0.1 if source == family else 1, 0.3, len(losses))
            losses = losses.assign(metric=np.resize(METRICS, len(losses)), fit="whole", width=512, height=512)
            losses = losses.assign(first_loss=first, second_loss=second)
            write_table(folder / f"losses/{family}/{source}/00000.parquet", "losses", losses, {})


def measured(function: Callable[..., None], arguments: tuple[Any, ...]) -> tuple[float, float]:
    """Run a function and return this process's CPU seconds and peak memory in GB."""
    function(*arguments)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--images", type=int, default=100_000, help="in all (default %(default)s)")
    parser.add_argument("--sources", type=int, default=31, help="one of them photographs (default %(default)s)")
    parser.add_argument("--families", type=int, default=2, help="families of autoencoders (default %(default)s)")
    arguments = parser.parse_args()
    sources = [f"model-{i:02d}" for i in range(arguments.sources - 1)] + ["photographs"]
    families = sources[: arguments.families]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_tables(folder, arguments.images, sources, families)
        names = ["signals", "fitted_parameters", "autoencoders", "thresholds", "accuracy", "calibration"]
        table = {name: str(folder / f"{name}.parquet") for name in names}
        csv = [str(folder / f"{name}.csv") for name in ("accuracy", "means", "comparison")]
        losses = [str(folder / f"losses/{family}/{source}/00000.parquet") for family in families for source in sources]
        family_names = [family for family in families for _ in sources]
        homogeneity = [str(folder / f"homogeneity/{source}.parquet") for source in sources]
        signals, thresholds, autoencoders = table["signals"], table["thresholds"], table["autoencoders"]
        own_sources = {family: [family] for family in families}
        levels = dict.fromkeys(families, 0.05)
        chosen = ("high_frequency", "residual")
        jobs: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
            (
                compute_signals,
                (
                    losses,
                    family_names,
                    homogeneity,
                    autoencoders,
                    signals,
                    table["fitted_parameters"],
                    own_sources,
                    0.5,
                ),
            ),
            (fit_threshold, (signals, autoencoders, thresholds, levels, "exact", "scott", *chosen)),
            (evaluate_accuracy, (signals, thresholds, table["accuracy"], *csv, ["photographs"], *chosen)),
            (
                export_calibration,
                (signals, table["fitted_parameters"], autoencoders, table["calibration"], *chosen, ["photographs"])
                + (dict.fromkeys(families, {}),),
            ),
        ]
        print("| job | CPU s | peak, GB |\n|---|---|---|")
        for function, values in jobs:
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                seconds, memory = process.submit(measured, function, values).result()
            print(f"| {function.__name__} | {seconds:.0f} | {memory:.2f} |", flush=True)
        print("\n" + "\n".join(f"{name}: {Path(file).stat().st_size / 1e6:.1f} MB" for name, file in table.items()))


if __name__ == "__main__":
    main()
