"""Kill a small study at random moments until it completes, again and again, and compare its tables.

They must equal those of a run that nothing disturbed.

The study has a Stable Diffusion with tiny random weights, pictures of every awkward kind, and shards of a few images.
Each run of Snakemake is ended after a random time, in one of five ways:

* SIGTERM or SIGINT to Snakemake, as a scheduler or a user does;
* SIGKILL to Snakemake alone, whose jobs live on and go on writing while the next run starts;
* SIGKILL to one job alone, as the kernel does when memory runs out;
* SIGKILL to everything at once, which is what a power cut leaves, apart from what the disk had not yet been given.

What follows a kill is what the user is told to do: `snakemake --unlock` where a lock is left, and the same command
again. When the study is complete every table is compared, exactly, with that of a run which nothing disturbed; then it
begins anew until there were enough kills. The exit code is 1 if any row was lost or changed.

    python benchmarks/kill_study.py [--kills 200] [--seed 0] [--cores 2]
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests"), str(ROOT / "tests" / "workflow")]

from studies import write_pictures  # noqa: E402

import tiny_models  # noqa: E402
from aedr.tables import TABLES, read_table  # noqa: E402

TARGET = "results/accuracy.parquet"
KINDS = ("SIGTERM", "SIGINT", "SIGKILL of Snakemake", "SIGKILL of a job", "SIGKILL of everything")
# Seconds. Snakemake needs a few before its first job, and a job ten.
EARLIEST, LATEST = 1.0, 14.0


def write_study(folder: Path) -> None:
    """Write models, pictures, prompts and the configuration of the study to `folder`."""
    tiny_models.save_stable_diffusion(folder / "model")
    write_pictures(folder / "pictures", usable=4)
    (folder / "prompts.txt").write_text("".join(f"{i:03d}: a cat number {i}\n" for i in range(16)))
    model = {"pipeline": "StableDiffusionPipeline", "path": "model", "image_size": 32, "steps": 2, "batch_size": 4}
    config = {
        "device": "cpu",
        "shard_size": 8,
        "image_sets": {"pictures": {"folder": "pictures"}},
        "prompts": {"file": "prompts.txt"},
        "models": {"sd": model},
        "reconstruction": {"metrics": ["l2"]},
        "attribution": {"metric": "l2"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def start(folder: Path, cores: int, *arguments: str) -> subprocess.Popen[bytes]:
    """Start Snakemake on the study in a process group of its own; its output is appended to a file."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(cores), "--configfile", str(folder / "config.yaml")]
    command += ["--workflow-profile", str(ROOT / "profiles" / "default")]
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)


def jobs_of(snakemake: int) -> dict[int, str]:
    """Return the process ids of a running Snakemake's scripts, with the script's name."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().decode().split("\0")
            in_group = os.getpgid(int(entry.name)) == snakemake
        except (OSError, ValueError):
            continue
        script = re.search(r"\.snakemake/scripts/tmp\w+\.(\w+)\.py", " ".join(command[1:2]))
        if in_group and script:
            found[int(entry.name)] = script[1]
    return found


def end(run: subprocess.Popen[bytes], kind: str, chance: random.Random) -> None:
    """End a run of Snakemake in the given way and wait until it is over."""
    try:
        if kind == "SIGKILL of everything":
            os.killpg(run.pid, signal.SIGKILL)
        elif kind == "SIGKILL of a job":
            if jobs := sorted(jobs_of(run.pid)):
                os.kill(chance.choice(jobs), signal.SIGKILL)
        else:
            run.send_signal(getattr(signal, kind.split()[0]))
    except ProcessLookupError:
        pass
    run.wait()


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return every table of the study's results, by its path."""
    found = {}
    for path in sorted((folder / "results").rglob("*.parquet")):
        parts = path.relative_to(folder / "results").with_suffix("").parts
        name = "fingerprints" if parts[0] == "autoencoders" and len(parts) > 1 else parts[0]
        assert name in TABLES, path
        found["/".join(parts)] = read_table(path, name)
    return found


def differences(expected: dict[str, pd.DataFrame], found: dict[str, pd.DataFrame]) -> list[str]:
    """Return a line for every table that is missing, new or different."""
    lines = [f"{name}: only in one of the runs" for name in sorted(set(expected) ^ set(found))]
    for name in sorted(set(expected) & set(found)):
        try:
            pd.testing.assert_frame_equal(expected[name], found[name], check_exact=True)
        except AssertionError as difference:
            lines.append(f"{name}: {difference}")
    return lines


def complete(folder: Path, cores: int) -> None:
    """Run the study undisturbed; a failure ends the benchmark with Snakemake's output."""
    if start(folder, cores, TARGET).wait():
        raise SystemExit((folder / "output.txt").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="at least so many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments and ways (default %(default)s)")
    parser.add_argument("--cores", type=int, default=2, help="cores (default %(default)s)")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    kinds: Counter[str] = Counter()
    interrupted: Counter[str] = Counter()
    problems: list[str] = []
    studies = locks = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_study(folder)
        complete(folder, arguments.cores)
        expected = tables(folder)
        rows = sum(map(len, expected.values()))
        while kinds.total() < arguments.kills and not problems:
            shutil.rmtree(folder / "results")
            shutil.rmtree(folder / ".snakemake")
            while True:
                (folder / "output.txt").write_bytes(b"")
                run = start(folder, arguments.cores, TARGET)
                try:
                    failed = run.wait(chance.uniform(EARLIEST, LATEST)) != 0
                except subprocess.TimeoutExpired:
                    kind = chance.choice(KINDS)
                    kinds[kind] += 1
                    interrupted.update(jobs_of(run.pid).values() or ["between jobs"])
                    end(run, kind, chance)
                    print(f"kill {kinds.total()}: {kind}", file=sys.stderr, flush=True)
                    continue
                if not failed:
                    break
                if "cannot be locked" not in (folder / "output.txt").read_text():
                    problems.append((folder / "output.txt").read_text())
                    break
                locks += 1
                start(folder, arguments.cores, "--unlock").wait()
            # A job that outlived its Snakemake may still be writing.
            time.sleep(1)
            studies += 1
            problems += differences(expected, tables(folder))
    print(
        f"{kinds.total()} kills in {studies} studies of {len(expected)} tables and {rows} rows; {locks} locks removed\n"
    )
    print("| way | kills |\n|---|---|")
    for kind, count in kinds.most_common():
        print(f"| {kind} | {count} |")
    print("\n| what was running | times |\n|---|---|")
    for script, count in interrupted.most_common():
        print(f"| {script} | {count} |")
    print("\n" + ("\n".join(problems) if problems else "No table was lost or changed."))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
