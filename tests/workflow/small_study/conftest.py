"""The small study that the files in this folder share, run once."""

from pathlib import Path

import pytest

import studies
from studies import RIVALS, run_snakemake


@pytest.fixture(scope="session")
def root(tmp_path_factory) -> Path:
    """A copy of the workflow, whose code a test may change."""
    return studies.copy_workflow(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def study(tmp_path_factory, root) -> tuple[Path, dict]:
    """Two models, pictures of every awkward kind and two rivals: the finished study's folder and its configuration."""
    folder = tmp_path_factory.mktemp("study")
    config = studies.write_study(folder) | RIVALS
    run = run_snakemake(folder, config, root=root)
    assert run.returncode == 0, run.stdout
    (folder / "said.txt").write_text(run.stdout)
    return folder, config
