"""A study on a Slurm cluster of one node with one pretended GPU: the same tables as on one machine without it.

It needs Debian's slurm-wlm and munge, and root, whose configuration in /etc/slurm it writes. There is no accounting
here, so the job status comes from squeue, and GPUs are counted and not used: the device is /dev/null.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import tiny_models
from studies import PIXEL_VERDICTS, ROOT, UNTRAINED, results, run_snakemake, write_pictures

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch")
MISSING = [program for program in PROGRAMS if not shutil.which(program)] + (["root"] if os.getuid() else [])
CONFIGURED = Path("/etc/slurm/slurm.conf").exists()
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"Slurm cannot be started: no {', '.join(MISSING)}"),
    pytest.mark.skipif(CONFIGURED, reason="Slurm is configured on this machine, and is left alone"),
]

# One node that claims more memory than it has: the profile asks for what the published models need.
SLURM_CONF = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
MinJobAge=300
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=localhost NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=2 RealMemory=500000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
TABLES = {name: f"results/{name}/**/*.parquet" for name in ("images", "homogeneity", "losses")}
TABLES |= {name: f"results/{name}.parquet" for name in ("signals", "thresholds", "accuracy")}

GRES_CONF = "AutoDetect=off\nNodeName=localhost Name=gpu Count=1 File=/dev/null\n"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory) -> Iterator[None]:
    """Start a cluster, wait until its node is idle, and take everything down again."""
    folder = tmp_path_factory.mktemp("slurm")
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    Path("/etc/slurm/slurm.conf").write_text(SLURM_CONF.format(folder=folder))
    Path("/etc/slurm/gres.conf").write_text(GRES_CONF)
    Path("/run/munge").mkdir(mode=0o755, exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    daemons = []
    try:
        if subprocess.run(["munge", "-n"], capture_output=True).returncode:
            subprocess.run(["runuser", "-u", "munge", "--", "munged", "--force"], check=True)
            daemons.append("munged")
        subprocess.run(["slurmctld", "-c"], check=True)
        daemons.append("slurmctld")
        subprocess.run(["slurmd", "-N", "localhost"], check=True)
        daemons.append("slurmd")
        for _ in range(60):
            state = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True).stdout.strip()
            if state == "idle":
                break
            time.sleep(0.5)
        assert state == "idle", (folder / "slurmctld.log").read_text() + (folder / "slurmd.log").read_text()
        yield
    finally:
        for daemon in reversed(daemons):
            subprocess.run(["pkill", "-x", daemon])
        Path("/etc/slurm/slurm.conf").unlink()
        Path("/etc/slurm/gres.conf").unlink()


@pytest.fixture
def study(tmp_path) -> tuple[Path, dict]:
    write_pictures(tmp_path / "pictures", usable=4)
    tiny_models.save_stable_diffusion(tmp_path / "model")
    (tmp_path / "prompts.txt").write_text("".join(f"{i:03d}: a cat number {i}\n" for i in range(16)))
    model = {"pipeline": "StableDiffusionPipeline", "path": "model", "image_size": 32, "steps": 2, "batch_size": 8}
    return tmp_path, {
        # A job that may use a GPU asks for one; it finds none and runs on the CPU.
        "device": "auto",
        "shard_size": 20,
        "image_sets": {"pictures": {"folder": "pictures"}},
        "prompts": {"file": "prompts.txt"},
        "models": {"sd": model | UNTRAINED},
        "reconstruction": {"metrics": ["l2", "high_frequency"]},
        "attribution": PIXEL_VERDICTS,
    }


def test_a_cluster_gives_the_tables_of_one_machine(slurm, study) -> None:
    folder, config = study
    there = ["--slurm-no-account", "--slurm-status-command", "squeue"]
    there += ["--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"]
    profile = ["--workflow-profile", str(ROOT / "profiles/slurm"), "--latency-wait", "5"]
    run = run_snakemake(folder, config, TABLES["accuracy"], *profile, *there)
    assert run.returncode == 0, run.stdout
    # What nobody watches is quiet; Snakemake's own log has everything.
    (log_of_run,) = folder.glob(".snakemake/log/*.log")
    assert len(re.findall(r"has been submitted with SLURM jobid", log_of_run.read_text())) >= 8
    for log in folder.glob("results/logs/generate_images/*/*.log"):
        assert "CUDA_VISIBLE_DEVICES=0\n" in log.read_text()
    assert "CUDA_VISIBLE_DEVICES=\n" in (folder / "results/logs/compute_signals.log").read_text()

    on_the_cluster = {name: results(folder, name, pattern) for name, pattern in TABLES.items()}
    shutil.rmtree(folder / "results")
    run = run_snakemake(folder, config, TABLES["accuracy"])
    assert run.returncode == 0, run.stdout
    for name, table in on_the_cluster.items():
        pd.testing.assert_frame_equal(results(folder, name, TABLES[name]), table, check_exact=True)
