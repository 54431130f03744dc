"""GPUs of one machine: never two jobs on one, whatever Snakemake starts at once."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from studies import ROOT

SNAKEFILE = """
rule all:
    input:
        expand("{job}.json", job=range(6)),

rule use_gpu:
    output:
        "{job}.json",
    log:
        "{job}.log",
    resources:
        gpu=1,
    script:
        "use_gpu.py"
"""

SCRIPT = """
import json, os, sys, time
sys.path.append(PACKAGE)
from aedr.jobs import job

with job(snakemake):
    start = time.monotonic()
    time.sleep(1)
    device = os.environ["CUDA_VISIBLE_DEVICES"]
    with open(snakemake.output[0], "w") as file:
        json.dump([device, start, time.monotonic()], file)
"""


def use_gpus(folder: Path, visible: str) -> dict[str, list[tuple[float, float]]]:
    """Run six jobs of which Snakemake may start three at once; return when each device was held."""
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "use_gpu.py").write_text(SCRIPT.replace("PACKAGE", repr(str(ROOT / "workflow/scripts"))))
    command = [sys.executable, "-m", "snakemake", "--cores", "3", "--resources", "gpu=3", "--directory", str(folder)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": visible, "TMPDIR": str(folder)}
    run = subprocess.run(
        [*command, "--snakefile", str(folder / "Snakefile")], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    held = defaultdict(list)
    for file in folder.glob("*.json"):
        device, start, stop = json.loads(file.read_text())
        held[device].append((start, stop))
    return held


@pytest.mark.parametrize("names", [["0", "1"], ["GPU-8d7f", "GPU-a1c2"]])
def test_six_jobs_on_two_gpus_never_share_one(tmp_path, names) -> None:
    held = use_gpus(tmp_path, ",".join(names))
    assert sorted(held) == names and sum(map(len, held.values())) == 6
    for intervals in held.values():
        intervals.sort()
        assert all(stop <= start for (_, stop), (start, _) in zip(intervals, intervals[1:], strict=False))


def test_the_one_gpu_that_a_scheduler_gave_is_left_alone(tmp_path) -> None:
    held = use_gpus(tmp_path, "5")
    assert list(held) == ["5"] and len(held["5"]) == 6
