"""Plan a study of a given shape without running it: jobs, files, bytes, and what planning itself costs.

Writes a study of that shape to a temporary folder and asks Snakemake, as a user would, for a dry run of it. Its models
make their images from a file of prompts, or, `--folders` of them, have them in a folder; the photographs are a folder
too. Models are empty folders, pictures are empty files: planning looks into neither. All else is the configuration's
default, unless `--rivals`, `--transforms` (each compresses every image) or `--members` (so many of the models share the
first one's autoencoder, and the second stage tells them apart) ask for more.

* To parse: CPU seconds of `snakemake --list`, which are start-up, the rules and the counting of images. To plan: those
  of `snakemake --dry-run`, which are all of that and the graph of jobs; the peak memory is the dry run's.
* A job of a shard leaves four files: table, log, benchmark, and Snakemake's record of it.
* The tables of losses and signals take as many bytes a row as 20,000 random rows did in a file; those of images take
  `--picture-bytes` an image.

    python benchmarks/cost/planning.py [--images 1000000] [--models 30] [--folders 0] [--shard-sizes 1000 2000 5000]
                                       [--rivals latent_tracer ...] [--transforms 1] [--members 3]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "workflow" / "scripts"))

from aedr.study.configuration import complete_configuration  # noqa: E402
from aedr.study.plan import Configuration, autoencoder_owner  # noqa: E402
from aedr.tables.files import write_table  # noqa: E402

SHARDED = {
    *("generate_images", "import_images", "measure_homogeneity", "read_histories", "reconstruct_images"),
    *("measure_rival", "transform_images", "measure_denoising"),
}
FILES_OF_A_SHARD = 4


def write_study(folder: Path, images: int, models: int, folders: int, members: int) -> dict[str, object]:
    """Write a study of `images` in all, evenly over its models and one set of photographs; return its configuration.

    The first `members` models share an autoencoder.
    """
    each = images // (models + 1)
    (folder / "prompts.txt").write_text("".join(f"a picture of thing number {i}\n" for i in range(each)))
    entries: dict[str, dict[str, object]] = {}
    for model in range(models):
        (folder / f"models/{model:02d}").mkdir(parents=True)
        entries[f"model-{model:02d}"] = {"path": f"models/{model:02d}"}
        if model < folders:
            write_pictures(folder / f"pictures/{model:02d}", each)
            entries[f"model-{model:02d}"]["folder"] = f"pictures/{model:02d}"
        else:
            entries[f"model-{model:02d}"]["pipeline"] = "StableDiffusionPipeline"
        if 0 < model < members:
            entries[f"model-{model:02d}"]["autoencoder"] = "model-00"
    write_pictures(folder / "photographs", each)
    return {
        "images_per_source": each,
        "image_sets": {"photographs": {"folder": "photographs"}},
        "prompts": {"file": "prompts.txt"},
        "models": entries,
        **({"second_stage": {}} if members > 1 else {}),
    }


def write_pictures(folder: Path, count: int) -> None:
    """Write empty files in the place of pictures."""
    folder.mkdir(parents=True)
    for i in range(count):
        (folder / f"{i:07d}.png").touch()


def run(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """Run Snakemake in `folder`; return what it said, its seconds of CPU time and its peak memory in GB."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--cores", "1", "--configfile", str(folder / "config.yaml"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(said)
    return said, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def count_losses(config: Configuration) -> int:
    """Return how many rows the losses have: some metrics are measured on a few images of each source."""
    sources = len(config["models"]) + len(config["image_sets"])
    families = len({autoencoder_owner(config["models"], model) for model in config["models"]})
    each, metrics = config["images_per_source"], config["reconstruction"]["metrics"]
    refined = sum(metric.startswith(("cell_", "refined_")) for metric in metrics)
    few = min(each, config["reconstruction"]["refined_images"] or each)
    return sources * families * ((len(metrics) - refined) * each + refined * few)


def bytes_of_a_row(table: str, metrics: list[str]) -> float:
    """Return what a row of the losses or the signals table takes in a file of 20,000 of random numbers."""
    chance = np.random.default_rng(0)
    image = np.repeat(np.arange(20_000 // len(metrics)), len(metrics))
    rows = pd.DataFrame(
        {"image_id": [f"model-00/{i:07d}" for i in image], "source": "model-00", "autoencoder": "model-01"}
    )
    rows = rows.assign(metric=np.resize(metrics, len(rows)), width=512, height=512)
    numbers = ["first_loss", "second_loss"]
    if table == "signals":
        rows = rows.assign(group=rows["image_id"], belonging=False, split="held_out")
        numbers += ["homogeneity", "loss_ratio", "calibrated_ratio", "power_ratio", "residual", "capped_ratio"]
    else:
        rows = rows.assign(fit="crop")
    rows = rows.assign(**{number: chance.random(len(rows)) for number in numbers})
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "rows.parquet"
        write_table(file, table, rows, {})
        return file.stat().st_size / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--images", type=int, default=1_000_000, help="in all (default %(default)s)")
    parser.add_argument("--models", type=int, default=30, help="each with its autoencoder (default %(default)s)")
    parser.add_argument("--folders", type=int, default=0, help="models whose images exist (default %(default)s)")
    parser.add_argument("--shard-sizes", type=int, nargs="+", default=[1000, 2000, 5000])
    parser.add_argument("--rivals", nargs="+", default=[], help="earlier methods to measure")
    parser.add_argument("--transforms", type=int, default=0, help="strengths of JPEG (default %(default)s)")
    parser.add_argument("--members", type=int, default=1, help="models that share an autoencoder (default %(default)s)")
    parser.add_argument("--picture-bytes", type=float, default=1e6, help="of one picture (default %(default)g)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        plan(Path(temporary), arguments)


def plan(folder: Path, arguments: argparse.Namespace) -> None:
    """Write the study that is asked for to `folder`; print its size, and what planning it costs."""
    config = write_study(folder, arguments.images, arguments.models, arguments.folders, arguments.members)
    config["rivals"] = arguments.rivals
    config["transforms"] = {f"jpeg-{90 - i}": [{"jpeg": 90 - i}] for i in range(arguments.transforms)}
    complete = complete_configuration(config, ROOT / "workflow" / "schemas" / "config.schema.yaml")
    rows, metrics = count_losses(complete), complete["reconstruction"]["metrics"]
    print(f"{arguments.images} images, {arguments.models} models, {len(metrics)} metrics: {rows} rows of losses")
    for what, size in [
        ("images", arguments.images * arguments.picture_bytes),
        ("losses", rows * bytes_of_a_row("losses", metrics)),
        ("signals", rows * bytes_of_a_row("signals", metrics)),
    ]:
        print(f"{what}: {size / 1e9:.1f} GB")
    print("\n| images a shard | jobs | reconstructions | files | CPU s to parse | CPU s to plan | peak, GB |")
    print("|---|---|---|---|---|---|---|")
    for shard_size in arguments.shard_sizes:
        (folder / "config.yaml").write_text(yaml.safe_dump(config | {"shard_size": shard_size}))
        _, parsing, _ = run(folder, "--list")
        said, planning, memory = run(folder, "--dry-run", "--quiet", "rules")
        jobs = {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", said, re.M)}
        sharded = sum(count for name, count in jobs.items() if name in SHARDED)
        cells = [shard_size, jobs["total"], jobs["reconstruct_images"], FILES_OF_A_SHARD * sharded]
        print("| " + " | ".join(map(str, cells)) + f" | {parsing:.1f} | {planning:.1f} | {memory:.2f} |", flush=True)


if __name__ == "__main__":
    main()
