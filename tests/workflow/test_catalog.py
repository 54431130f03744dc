"""The workflow used from elsewhere: deployed by snakedeploy from a Git host, and as a module from a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import studies

REPOSITORY = "https://github.com/somebody/attribution"
MODULE = """
configfile: "config/config.yaml"

module attribution:
    snakefile: {snakefile!r}
    config: config

use rule * from attribution as aedr_*
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> dict:
    """A study of the pictures in a folder, whose models are never loaded."""
    return {
        "device": "cpu",
        "images_per_source": 3,
        "image_sets": {"pictures": {"folder": str(studies.ROOT / "demo/photographs")}},
        "models": {
            name: {"decode": "pictures", "path": str(studies.ROOT / f"demo/models/{name}")}
            for name in ("demo-sd", "demo-tiny")
        },
        "reconstruction": {"metrics": ["l2"]},
        "attribution": studies.PIXEL_VERDICTS | {"metric": "l2", "verdict_metric": "l2"},
    }


def run(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def check(folder: Path, environment: dict[str, str], prefix: str) -> None:
    """Plan a whole study from `folder`, and run one small job."""
    planned = run(folder, environment, "--dry-run", "--quiet", "rules")
    assert f"{prefix}reconstruct_images" in planned and f"{prefix}plot_accuracy" in planned
    run(folder, environment, "results/homogeneity/pictures/00000.parquet")
    assert len(studies.results(folder, "homogeneity", "results/homogeneity/pictures/*")) == 3


def test_snakedeploy_deploys_it_from_a_git_host(study, tmp_path) -> None:
    """Git is told to find the host in a folder; everything else is as a user has it, without a checkout at hand."""
    origin, deployed = tmp_path / "origin", tmp_path / "deployed"
    origin.mkdir()
    studies.copy_workflow(origin)
    git = ["git", "-C", str(origin), "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "test"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    environment = os.environ | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{origin}.insteadOf",
        "GIT_CONFIG_VALUE_0": REPOSITORY,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": "",
    }
    deploy = [str(Path(sys.executable).with_name("snakedeploy")), "deploy-workflow", REPOSITORY, str(deployed)]
    subprocess.run([*deploy, "--tag", "v1"], env=environment, check=True, cwd=tmp_path)
    assert (deployed / "profiles/slurm/config.yaml").exists()
    (deployed / "config/config.yaml").write_text(yaml.safe_dump(study))
    check(deployed, environment, "")


def test_it_is_a_module_of_another_workflow(study, tmp_path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(study))
    (tmp_path / "Snakefile").write_text(MODULE.format(snakefile=str(studies.ROOT / "workflow/Snakefile")))
    check(tmp_path, dict(os.environ), "aedr_")


def test_the_catalogs_file_is_what_the_catalog_asks_for() -> None:
    catalog = yaml.safe_load((studies.ROOT / ".snakemake-workflow-catalog.yml").read_text())
    assert catalog["usage"]["software-stack-deployment"]["conda"] is True
    assert (studies.ROOT / "config/README.md").exists()
