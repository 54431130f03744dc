"""Faults, each injected into a small study: what the user is told, and that the next run ends as if nothing was."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file

import fake_hub
import studies
import tiny_models
from aedr.tables.files import read_table
from studies import run_snakemake

PICTURES = "results/images/pictures/00000.parquet"
HOMOGENEITY = "results/homogeneity/pictures/00000.parquet"
FINGERPRINT = "results/autoencoders/made.parquet"
LOG = "results/logs/import_images/pictures/00000.log"
WEIGHTS = "diffusion_pytorch_model.safetensors"

HOLD = """
import pathlib, time
pathlib.Path("held").write_text(str(os.getpid()))
while pathlib.Path("hold").exists():
    time.sleep(0.05)
"""

# Imported by every Python of a run before its own code. FAULT is run once, in the middle of each job of FAULT_SCRIPT.
SITE = """
import os, sys

class Fault:
    def find_spec(self, name, path=None, target=None):
        script = os.path.basename(sys.argv[0]) if hasattr(sys, "argv") else ""
        if name == "aedr.tables.files" and script.endswith(f".{os.environ['FAULT_SCRIPT']}.py"):
            sys.meta_path.remove(self)
            exec(os.environ["FAULT"])

if "FAULT" in os.environ:
    sys.meta_path.insert(0, Fault())
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A study as far as the tests need it, which nothing disturbed: pictures, and an autoencoder."""
    folder = tmp_path_factory.mktemp("finished")
    tiny_models.tiny_autoencoder_kl().save_pretrained(folder / "models/made/vae")
    studies.write_pictures(folder / "pictures", usable=4)
    config = {
        "device": "cpu",
        "max_pixels": 10**8,
        "image_sets": {"pictures": {"folder": "pictures"}},
        "models": {"made": {"folder": "pictures", "path": "models/made"} | studies.UNTRAINED},
    }
    run = run_snakemake(folder, config, HOMOGENEITY, FINGERPRINT)
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


def test_a_full_disk_is_said_and_leaves_nothing_half_written(beginning, finished) -> None:
    results = beginning[0] / "results"
    results.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(results)], capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        # Not a byte for the log, then enough for the log but not for the table.
        for left in (0, 8192):
            room = os.statvfs(results)
            (results / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize - left))
            fails(beginning, PICTURES, f"No space left for {PICTURES}", "Make room and run again")
            assert [path.name for path in (results / "images").rglob("*.*")] == []
            (results / "filler").unlink()
        completes(beginning, finished, PICTURES)
    finally:
        subprocess.run(["umount", str(results)], check=True)


def test_an_image_that_vanishes_before_it_is_read_is_named(beginning, finished, monkeypatch) -> None:
    with monkeypatch.context() as context:
        fault(context, beginning[0], "import_images", "os.remove('pictures/rotated.jpg')")
        fails(beginning, PICTURES, "pictures/rotated.jpg cannot be read (No such file or directory). Put it back")
    shutil.copy(finished[0] / "pictures/rotated.jpg", beginning[0] / "pictures")
    completes(beginning, finished, PICTURES)


def cut(table: Path) -> None:
    table.write_bytes(table.read_bytes()[:-100])


def flip_one_bit(table: Path) -> None:
    data = bytearray(table.read_bytes())
    columns = pq.ParquetFile(table).metadata.row_group(0)
    pictures = next(
        columns.column(i) for i in range(columns.num_columns) if "bytes" in columns.column(i).path_in_schema
    )
    data[(pictures.dictionary_page_offset + pictures.data_page_offset) // 2] ^= 1
    table.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, flip_one_bit])
def test_a_damaged_table_is_named_and_made_again(study, finished, damage: Callable[[Path], None]) -> None:
    damage(study[0] / PICTURES)
    (study[0] / HOMOGENEITY).unlink()
    fails(study, HOMOGENEITY, f"{PICTURES} cannot be read as a images table", "Delete it and run again.")
    (study[0] / PICTURES).unlink()
    completes(study, finished, HOMOGENEITY)
    completes(study, finished, PICTURES)


def test_damaged_weights_of_a_local_model_are_named(study, finished) -> None:
    weights = study[0] / "models/made/vae" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])
    (study[0] / FINGERPRINT).unlink()
    fails(study, FINGERPRINT, "models/made/vae cannot be loaded", "Copy the model to models/made again")
    shutil.copy(finished[0] / "models/made/vae" / WEIGHTS, weights)
    completes(study, finished, FINGERPRINT)


def test_a_broken_file_and_damaged_weights_are_fetched_again(beginning, finished, monkeypatch) -> None:
    folder, config = beginning
    config = config | {"models": {"made": {"folder": "pictures", "repository": "someone/vae"} | studies.UNTRAINED}}
    vae = folder / "models/made/vae"
    # Longer than the ten megabytes that huggingface_hub writes at a time.
    metadata = {"format": "pt", "padding": "." * 11_000_000}
    save_file(load_file(vae / WEIGHTS), folder / "padded.safetensors", metadata=metadata)
    manifest = "resources/autoencoders/made.json"
    with fake_hub.serve() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        files = {"config.json": (vae / "config.json"), WEIGHTS: folder / "padded.safetensors"}
        hub.repositories["someone/vae"] = {name: path.read_bytes() for name, path in files.items()}
        hub.breaks[WEIGHTS] = 10_900_000
        fails(
            (folder, config),
            manifest,
            "models.made: someone/vae@",
            "could not be downloaded",
            "finished files are kept",
        )
        # Within a run the client goes on in the middle of a file; the next run begins it again.
        assert hub.resumed == {WEIGHTS: 10 * 2**20}
        hub.breaks.clear()
        hub.resumed.clear()
        hub.downloads.clear()
        run = run_snakemake(folder, config, manifest)
        assert run.returncode == 0, run.stdout
        assert hub.resumed == {} and hub.downloads.count(f"someone/vae/{WEIGHTS}") == 1

        fetched = folder / "resources/autoencoders/made" / WEIGHTS
        fetched.write_bytes(fetched.read_bytes()[:-1000])
        fails((folder, config), FINGERPRINT, "autoencoders/made cannot be loaded", f"Delete {manifest} and run again")
        (folder / manifest).unlink()
        hub.downloads.clear()
        run = run_snakemake(folder, config, FINGERPRINT)
        assert run.returncode == 0, run.stdout
        assert hub.downloads.count(f"someone/vae/{WEIGHTS}") == 1
    kinds = ["encoder_sha256", "decoder_sha256"]
    ours, theirs = (read_table(place / FINGERPRINT, "fingerprints") for place in (folder, finished[0]))
    pd.testing.assert_frame_equal(ours[kinds], theirs[kinds])


def test_a_job_that_is_killed_is_named(beginning, finished, monkeypatch) -> None:
    with monkeypatch.context() as context:
        fault(context, beginning[0], "measure_homogeneity", "import signal; os.kill(os.getpid(), signal.SIGKILL)")
        fails(beginning, HOMOGENEITY, "killed from outside (SIGKILL), most likely because memory ran out. Run again")
    completes(beginning, finished, HOMOGENEITY)


def held_run(study: tuple[Path, dict], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a run and return when its import of pictures is held, until the file `hold` is removed."""
    folder, config = study
    (folder / "hold").touch()
    with monkeypatch.context() as context:
        fault(context, folder, "import_images", HOLD)
        command = studies.snakemake_command(folder, config, *arguments)
        run = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (folder / "held").exists():
        assert run.poll() is None
        time.sleep(0.1)
    return run


def test_a_second_run_in_the_same_folder_is_told(beginning, finished, monkeypatch) -> None:
    first = held_run(beginning, monkeypatch, HOMOGENEITY)
    fails(beginning, HOMOGENEITY, "Directory cannot be locked", "--unlock")
    (beginning[0] / "hold").unlink()
    assert first.wait() == 0
    completes(beginning, finished, HOMOGENEITY)


def test_a_job_that_outlived_its_run_gives_way_to_the_next(beginning, finished, monkeypatch) -> None:
    folder, config = beginning
    # A fork of the run's own Python would not outlive it.
    first = held_run((folder, config | {"max_pixels": 1000, "preload": False}), monkeypatch, PICTURES)
    first.kill()
    first.wait()
    fails(beginning, PICTURES, "Directory cannot be locked", "--unlock")
    assert run_snakemake(*beginning, "--unlock").returncode == 0
    completes(beginning, finished, PICTURES)
    # With other settings it would have written other rows.
    (folder / "hold").unlink()
    outliving = int((folder / "held").read_text())
    while psutil.pid_exists(outliving) and psutil.Process(outliving).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.1)
    completes(beginning, finished, PICTURES)
