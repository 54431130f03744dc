"""Every rule in the environment that it names."""

import os
import re
import shutil

import pandas as pd
import pyarrow.parquet as pq

import distributions
import stand_in_conda
from studies import results, run_snakemake, without_rivals


def test_every_rule_runs_in_its_own_environment(study, root, tmp_path) -> None:
    """`--sdm conda` with the stand-in for conda, VQ-Diffusion in its own environment: the tables of the run without.

    This proves that each rule names an environment that can be installed from its pins, that its jobs run there, and
    that they find there what they import: Snakemake itself runs in an environment that holds its own needs alone. It
    does not prove what conda-forge and conda's own solver make of python and pip.
    """
    folder, config = study
    for name in ["models", "pictures", "prompts.txt"]:
        (tmp_path / name).symlink_to(folder / name)
    host = tmp_path / "host"
    distributions.link(distributions.closure(["snakemake"]), stand_in_conda.bare_environment(host))
    conda = stand_in_conda.install(tmp_path / "conda")
    path = os.pathsep.join([str(conda), os.environ["PATH"]])
    try:
        run = run_snakemake(
            tmp_path,
            config | {"select": ["vq"], "rivals": []},
            *["results/accuracy.parquet", "--sdm", "conda", "--conda-prefix", str(tmp_path / "environments")],
            root=root,
            python=host / "bin/python",
            environment=os.environ | {"PATH": path},
        )
        assert run.returncode == 0, run.stdout
    finally:
        shutil.rmtree(tmp_path / "environments", ignore_errors=True)

    pins = dict(re.findall(r"- (\S+)==(\S+)", (root / "envs/vqdm.yaml").read_text()))
    generated = pq.read_schema(tmp_path / "results/images/vq/00000.parquet").metadata
    reconstructed = pq.read_schema(tmp_path / "results/losses/vq/pictures/00000.parquet").metadata
    for package in ("diffusers", "torch", "transformers"):
        assert generated[f"aedr.{package}".encode()].decode().split("+")[0] == pins[package]
    for package in ("diffusers", "torch"):
        assert reconstructed[f"aedr.{package}".encode()].decode().split("+")[0] == pins[package]
    for log in (tmp_path / "results/logs").rglob("*.log"):
        assert f"{tmp_path}/environments/" in log.read_text(), log
    for table, pattern in [
        ("images", "results/images/vq/*"),
        ("images", "results/images/pictures/*"),
        ("losses", "results/losses/vq/vq/*"),
        ("losses", "results/losses/vq/pictures/*"),
        ("homogeneity", "results/homogeneity/vq/*"),
        ("accuracy", "results/accuracy.parquet"),
    ]:
        expected, found = results(folder, table, pattern), results(tmp_path, table, pattern)
        if table == "accuracy":
            expected = expected[(expected["autoencoder"] == "vq") & (expected["source"] != "sd")]
            expected = without_rivals(expected)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
