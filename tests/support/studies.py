"""Small studies that the workflow tests run as a user would: by the command line, in a folder of their own."""

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

import tiny_models
from aedr.tables.files import read_tables

ROOT = Path(__file__).parents[2]
# What runs Snakemake and its scripts.
PYTHON: str | Path = sys.executable

BAD_PICTURES = {
    "truncated.png": "cannot be decoded",
    "empty.jpg": "the file is empty",
    "animated.gif": "animated",
    "transparent.png": "transparent",
    "bomb.png": "max_pixels",
    "one pixel wide.png": None,
    "constant.png": None,
}
# For autoencoders with random weights, which reproduce nothing.
UNTRAINED = {"autoencoder": {"must_reproduce": False}}
# Verdicts by the pixels alone, for studies that measure nothing else.
PIXEL_VERDICTS = {"verdict_metric": "high_frequency", "verdict_signal": "residual", "second_metric": None}
RIVALS = {"rivals": ["hfi", "codebook"], "rival_settings": {"hfi": {"distance": "l2"}}}


def write_pictures(folder: Path, usable: int = 6) -> None:
    """Write pictures of every awkward kind, and `usable` ordinary ones, with awkward names."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(5)

    def picture(height: int = 32, width: int = 32) -> Image.Image:
        coarse = noise.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
        return Image.fromarray(np.kron(coarse, np.ones((4, 4, 1), np.uint8))[:height, :width])

    for i in range(usable):
        picture().save(folder / f"größe {i} {{x}}.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(32, 48).save(folder / "rotated.jpg", exif=exif)
    picture().convert("CMYK").save(folder / "cmyk.jpg")
    picture().convert("RGBA").save(folder / "alpha.png")
    picture(37, 41).save(folder / "off the grid.webp", lossless=True)
    Image.fromarray(noise.integers(0, 2**16, (32, 32), dtype=np.uint16)).save(folder / "16 bit.png")
    twice = picture()
    twice.save(folder / "twice a.png")
    twice.save(folder / "twice b.png")
    buffer = io.BytesIO()
    picture().save(buffer, "PNG")
    (folder / "truncated.png").write_bytes(buffer.getvalue()[:-60])
    (folder / "empty.jpg").touch()
    picture().save(folder / "animated.gif", save_all=True, append_images=[picture()])
    Image.new("RGBA", (32, 32), (9, 9, 9, 99)).save(folder / "transparent.png")
    Image.new("1", (12_000, 12_000)).save(folder / "bomb.png")
    picture(32, 1).save(folder / "one pixel wide.png")
    Image.new("RGB", (32, 32), (40, 90, 200)).save(folder / "constant.png")


def write_study(folder: Path) -> dict[str, Any]:
    """Write models, pictures and prompts for a small study to `folder`, and return its configuration."""
    tiny_models.save_stable_diffusion(folder / "models/sd")
    tiny_models.save_vq_diffusion(folder / "models/vq")
    write_pictures(folder / "pictures")
    (folder / "prompts.txt").write_text("".join(f"{i:03d}: a cat number {i}\n" for i in range(16)))
    model = {"image_size": 32, "steps": 2, "batch_size": 4} | UNTRAINED
    quantised = {"pipeline": "VQDiffusionPipeline", "path": "models/vq", "steps": 2, "environment": "vqdm"}
    return {
        "seed": 3,
        "device": "cpu",
        "max_pixels": 10**8,
        "images_per_source": 20,
        "shard_size": 20,
        "image_sets": {"pictures": {"folder": "pictures"}},
        "prompts": {"file": "prompts.txt"},
        "models": {
            "sd": model | {"pipeline": "StableDiffusionPipeline", "path": "models/sd"},
            "vq": quantised | UNTRAINED,
        },
        "reconstruction": {"metrics": ["l2", "high_frequency", "cell_l1"]},
        "attribution": dict(PIXEL_VERDICTS),
    }


def copy_workflow(folder: Path) -> Path:
    """Copy the workflow to `folder`, where a test may change it, and return the folder."""
    for name in ["Snakefile", "workflow", "envs", "profiles", "demo", "config"]:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


def snakemake_command(
    folder: Path, config: Mapping[str, Any], *arguments: str, cores: int = 2, root: Path = ROOT
) -> list[str]:
    """Write a configuration to `folder` and return the command that runs the workflow there."""
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config), allow_unicode=True))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--directory", str(folder)]
    command += ["--cores", str(cores), "--configfile", str(folder / "config.yaml")]
    return [*command, "--workflow-profile", str(root / "profiles/default"), *arguments]


def run_snakemake(
    folder: Path,
    config: Mapping[str, Any],
    *arguments: str,
    cores: int = 2,
    root: Path = ROOT,
    python: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    output: int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run the workflow in `folder` with a configuration; returns what it said, whatever its exit code.

    With a file descriptor as `output` it speaks to that instead.
    """
    command = snakemake_command(folder, config, *arguments, cores=cores, root=root)
    command[0] = str(python or PYTHON)
    return subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, text=True, timeout=1200, env=environment)


def planned_jobs(folder: Path, config: Mapping[str, Any], *arguments: str, root: Path = ROOT) -> dict[str, int]:
    """Return how many jobs of each rule a dry run plans, without the target rule."""
    planned = run_snakemake(folder, config, "--dry-run", "--quiet", "rules", *arguments, root=root)
    assert planned.returncode == 0, planned.stdout
    counts = {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", planned.stdout, re.M)}
    return {name: count for name, count in counts.items() if name not in ("all", "total")}


def results(folder: Path, table: str, pattern: str) -> pd.DataFrame:
    """Read every file of a table, ordered by its rows' identity."""
    rows = read_tables(sorted(folder.glob(pattern)), table)
    keys = [key for key in ("image_id", "autoencoder", "source", "metric", "signal") if key in rows]
    return rows.sort_values(keys, ignore_index=True)


def without_rivals(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table's rows without those of `RIVALS`."""
    return table[~table["metric"].isin(RIVALS["rivals"])].reset_index(drop=True) if "metric" in table else table
