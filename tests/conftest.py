"""What several tests share: the reference data, a fresh clone of this folder with the demo run in it, and workers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
# The folder and the files whose tests take longest, among all tests and among the unit tests.
LONGEST = {"small_study", "test_commands.py", "test_grid.py"}

# Workers share the cores, and set this before torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, so that no worker is left with one of them when the others are done."""
    items.sort(key=lambda item: LONGEST.isdisjoint(item.path.parts))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each file on one worker of pytest-xdist, and all of `small_study` on one, in the order of collection."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return "small_study" if "/small_study/" in file else file

    config.option.loadscopereorder = False
    return ByFile(config, log)


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
