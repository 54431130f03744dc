"""Faults, each injected into a small study: what the user is told, and that the next run completes as if nothing was."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import studies
from studies import run_snakemake

import fake_hub
import tiny_models
from aedr.tables import read_table

PICTURES = "results/images/pictures/00000.parquet"
HOMOGENEITY = "results/homogeneity/pictures/00000.parquet"
FINGERPRINT = "results/autoencoders/made.parquet"
SIGNALS = "results/signals.parquet"

# Imported by every Python of a run before its own code. FAULT is run once, in the middle of a job of FAULT_SCRIPT.
SITE = """
import os, sys

class Fault:
    def find_spec(self, name, path=None, target=None):
        script = os.path.basename(sys.argv[0]) if hasattr(sys, "argv") else ""
        if name == "aedr.tables" and script.endswith(f".{os.environ['FAULT_SCRIPT']}.py"):
            sys.meta_path.remove(self)
            exec(os.environ["FAULT"])

if "FAULT" in os.environ:
    sys.meta_path.insert(0, Fault())
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A finished study of pictures, one autoencoder and images that are said to be its own."""
    folder = tmp_path_factory.mktemp("finished")
    tiny_models.tiny_autoencoder_kl().save_pretrained(folder / "models/made/vae")
    studies.write_pictures(folder / "pictures", usable=4)
    shutil.copytree(folder / "pictures", folder / "made")
    config = {
        "device": "cpu",
        "max_pixels": 10**8,
        "image_sets": {"pictures": {"folder": "pictures"}},
        "models": {"made": {"folder": "made", "path": "models/made"}},
        "reconstruction": {"metrics": ["l2"]},
        "attribution": {"metric": "l2"},
    }
    run = run_snakemake(folder, config, SIGNALS)
    assert run.returncode == 0, run.stdout
    return folder, config


@pytest.fixture
def study(finished: tuple[Path, dict], tmp_path: Path) -> tuple[Path, dict]:
    """A copy of the finished study that a test may damage."""
    shutil.copytree(finished[0], tmp_path / "study")
    return tmp_path / "study", finished[1]


@pytest.fixture
def beginning(study: tuple[Path, dict]) -> tuple[Path, dict]:
    """A study of which nothing has run yet."""
    shutil.rmtree(study[0] / "results")
    shutil.rmtree(study[0] / ".snakemake")
    return study


def fault(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str, code: str) -> None:
    """Let every job of `script` run `code` once it has begun its work."""
    (folder / "site").mkdir()
    (folder / "site/sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", str(folder / "site"))
    monkeypatch.setenv("FAULT_SCRIPT", script)
    monkeypatch.setenv("FAULT", code)


def fails(study: tuple[Path, dict], target: str, *messages: str) -> None:
    """Run the study and see that it stops with these messages and shows no traceback."""
    run = run_snakemake(*study, target)
    assert run.returncode == 1, run.stdout
    for message in messages:
        assert message in run.stdout, run.stdout
    assert "Traceback" not in run.stdout, run.stdout


def completes(study: tuple[Path, dict], finished: tuple[Path, dict], target: str) -> None:
    """Run the study and see that a table is that of the study which nothing disturbed, and nothing else is left."""
    run = run_snakemake(*study, target)
    assert run.returncode == 0, run.stdout
    name = "fingerprints" if target == FINGERPRINT else Path(target).parts[1].removesuffix(".parquet")
    pd.testing.assert_frame_equal(
        read_table(study[0] / target, name), read_table(finished[0] / target, name), check_exact=True
    )
    assert not list((study[0] / "results").rglob("*.tmp"))


def test_a_job_killed_for_memory_is_named(beginning, finished, monkeypatch) -> None:
    with monkeypatch.context() as context:
        fault(context, beginning[0], "measure_homogeneity", "import signal; os.kill(os.getpid(), signal.SIGKILL)")
        run = run_snakemake(*beginning, HOMOGENEITY)
        print(run.stdout)
        assert 0
    completes(beginning, finished, HOMOGENEITY)
