"""Time and memory of `snakemake attribute`: one image of 512 x 512 pixels, one autoencoder of Stable Diffusion's size.

The autoencoder is an AutoencoderKL of 83.7 million parameters with random weights: neither time nor memory depends on
their values, and nothing is downloaded. The calibration is written here, by the functions of the workflow, from made-up
signals: attribution needs a calibration and the autoencoder, no image of the study. All else is what a user runs.

It prints the wall time of the whole command, and for each of its jobs that Snakemake measures the seconds and the peak
memory (resident set). A second image shows what a further one costs, since weights are identified once.

    python benchmarks/cost/attribution.py [--size 512] [--cores 2]
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from aedr.autoencoders.fingerprints import fingerprint, used_tensors  # noqa: E402
from aedr.autoencoders.loading import load_autoencoder  # noqa: E402
from aedr.images.pictures import encode_png  # noqa: E402
from aedr.tables.files import write_table  # noqa: E402
from aedr.verdicts.calibration_file import describe_calibration  # noqa: E402

NAME, METRIC, SIGNAL = "sd", "high_frequency", "residual"
REFERENCE_IMAGES = 250


def save_autoencoder(folder: Path) -> None:
    """Save an AutoencoderKL in Stable Diffusion's size with random weights."""
    import diffusers

    network: Any = diffusers.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=2,
    )
    network.save_pretrained(folder)


def write_calibration(path: Path, autoencoder_folder: Path, size: int) -> None:
    """Write a calibration for the autoencoder in a folder, with made-up signals of own and of real images."""

    import torch

    autoencoder = load_autoencoder(autoencoder_folder, "float32", torch.device("cpu"))
    encoder, decoder = (fingerprint(part) for part in used_tensors(autoencoder))
    family = {"autoencoder": NAME, "family": NAME, "encoder_sha256": encoder, "decoder_sha256": decoder}
    preprocessing: dict[str, Any] = {"encoding": "mode", "off_grid": "crop", "precision": "float32", "quantise": None}
    preprocessing |= {"refinement_steps": 2, "orientations": "search"}
    description = describe_calibration(
        pd.DataFrame([family | {"factor": autoencoder.factor, "repository": None, "revision": None}]),
        pd.DataFrame(
            [{"autoencoder": NAME, "metric": METRIC, "exponent": 0.0, "slope": 1.0, "intercept": 0.0, "cap": 1e9}]
        ),
        [METRIC],
        SIGNAL,
        ["real"],
        {NAME: preprocessing | {"resize_to": None}},
        {},
    )
    chance = np.random.default_rng(0)
    rows = [
        {
            "autoencoder": NAME,
            "image_id": f"{source}/{i}",
            "source": source,
            "group": f"{source}/{i}",
            "metric": METRIC,
            "belonging": source == "own",
            "value": chance.normal(0 if source == "own" else 2, 0.3),
            "homogeneity": 0.5,
            "first_loss": 0.1,
            "second_loss": 0.1,
            "width": size,
            "height": size,
        }
        for source in ("own", "real")
        for i in range(REFERENCE_IMAGES)
    ]
    write_table(path, "reference", rows, {"calibration": description})


def attribute(folder: Path, query: str, cores: int) -> float:
    """Run `snakemake attribute` on a folder of images and return its wall time in seconds."""
    command = [sys.executable, "-m", "snakemake", "attribute", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(cores), "--configfile", str(folder / "config.yaml")]
    start = time.perf_counter()
    run = subprocess.run([*command, "--config", f"query={query}"], capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--size", type=int, default=512, help="side of the image in pixels (default %(default)s)")
    parser.add_argument("--cores", type=int, default=2, help="cores of the machine to use (default %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_autoencoder(folder / "sd")
        write_calibration(folder / "calibration.parquet", folder / "sd", arguments.size)
        config = {
            "device": "cpu",
            "calibration": "calibration.parquet",
            "models": {NAME: {"folder": "first", "path": "sd"}},
            "image_sets": {"real": {"folder": "first"}},
            "reconstruction": {"metrics": [METRIC]},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        chance = np.random.default_rng(1)
        print("| | seconds | peak memory, GB |\n|---|---|---|")
        for query in ("first", "second"):
            (folder / query).mkdir()
            pixels = chance.integers(0, 256, (arguments.size // 8, arguments.size // 8, 3), dtype=np.uint8)
            (folder / query / "image.png").write_bytes(encode_png(pixels.repeat(8, 0).repeat(8, 1)))
            print(
                f"| the whole command, {query} image | {attribute(folder, query, arguments.cores):.1f} | |", flush=True
            )
        for file in sorted((folder / "results" / "benchmarks").rglob("*.tsv")):
            with file.open() as lines:
                measured = next(csv.DictReader(lines, delimiter="\t"))
            rule = file.relative_to(folder / "results" / "benchmarks").parts[0]
            print(f"| the job {rule}, second image | {measured['s']} | {float(measured['max_rss']) / 1024:.2f} |")


if __name__ == "__main__":
    main()
