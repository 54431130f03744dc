"""What several tests share: the reference data, a fresh clone of this folder with the demo run in it, and workers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Fixtures that take minutes. One worker makes each, once, and runs every test that needs it.
SHARED = ("clone", "root")

# Workers share the cores, and set this before torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell pytest-xdist which tests belong to one worker: those that share a fixture of `SHARED`, or else a file.

    The first kind begins first, so that no worker is left with one of them when the others are done.
    """

    def shared(item: pytest.Item) -> str | None:
        return next((name for name in SHARED if name in getattr(item, "fixturenames", ())), None)

    for item in items:
        item.add_marker(pytest.mark.xdist_group(shared(item) or item.path.stem))
    items.sort(key=lambda item: shared(item) is None)


@pytest.fixture(scope="session")
def reference() -> Path:
    """Return the folder of the reference data, from the environment variable AEDR_REFERENCE.

    Without it tests are skipped, since the data carries no licence to be kept here.
    """
    folder = os.environ.get("AEDR_REFERENCE")
    if not folder:
        pytest.skip("AEDR_REFERENCE is unset: it names the folder of the published reference data")
    if not Path(folder).is_dir():
        pytest.fail(f"AEDR_REFERENCE names {folder}, which is no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Path:
    """A folder with the files that git knows or would take; `.venv` is this environment, installed already."""
    folder = tmp_path_factory.mktemp("clone") / "attribution"
    listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if not part.name.startswith("installed"):
            (folder / ".venv" / part.name).symlink_to(part)
    for marker in ("installed", "installed-docs", "installed-tests"):
        (folder / ".venv" / marker).touch()
    return folder


@pytest.fixture(scope="session")
def demo(clone) -> Path:
    """A clone in which `make demo` ran; what it said is in said.txt."""
    run = subprocess.run(
        ["make", "demo"], cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ)
    )
    assert run.returncode == 0, run.stdout
    (clone / "said.txt").write_text(run.stdout)
    return clone
