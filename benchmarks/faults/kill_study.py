"""Kill a small study at random moments until it completes, again and again, and compare its tables.

They must equal those of a run that nothing disturbed.

The study has a Stable Diffusion with tiny random weights, pictures of every awkward kind, and shards of a few images.
A running job is chosen; after a random part of the CPU time that it takes undisturbed, or soon after its end, comes one
of five kills:

* SIGTERM to Snakemake, as a scheduler sends it, and SIGKILL where that did not help: Snakemake 9.27 waits for itself
  for ever if the signal comes while it selects jobs;
* SIGINT to everything, as Ctrl-C sends it;
* SIGKILL to Snakemake alone. Jobs that are processes of their own (`--no-preload`) live on and go on writing while the
  next run starts;
* SIGKILL to one job alone, as the kernel does when memory runs out; Snakemake tries it again twice;
* SIGKILL to everything at once, which is what a power cut leaves, apart from what the disk had not yet been given.

One kill in eight comes while Snakemake still plans. What follows a kill is what the user is told to do: `snakemake
--unlock` where a lock is left, and the same command again. When the study is complete every table is compared, exactly,
with that of a run which nothing disturbed, and no temporary file may be left; then it begins anew until there were
enough kills, each time at a random stage (nothing, losses, homogeneity, signals, thresholds, accuracy), so that
short jobs are hit as well. The exit code is 1 if any row was lost or changed.

    python benchmarks/faults/kill_study.py [--kills 200] [--seed 0] [--cores 2] [--no-preload]
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

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support")]

import tiny_models  # noqa: E402
from aedr.tables.files import read_table  # noqa: E402
from studies import PIXEL_VERDICTS, write_pictures  # noqa: E402

TARGET = "results/accuracy.parquet"
TERMINATED, INTERRUPTED = "SIGTERM to Snakemake", "SIGINT to everything"
ALONE, JOB, EVERYTHING = "SIGKILL to Snakemake", "SIGKILL to a job", "SIGKILL to everything"
HANGING = "SIGTERM to Snakemake, SIGKILL since it hung"
KINDS = (TERMINATED, INTERRUPTED, ALONE, JOB, EVERYTHING)
PLANNING = "Snakemake alone, planning"
NO_JOB = "Snakemake alone, between jobs"
# A fork of the Python that has loaded the libraries is called as its script, in the 15 characters of a process's name.
SCRIPTS = {path.name[:15]: path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")}
# Seconds in which Snakemake and its jobs use no CPU time.
PATIENCE = 30
# What each stage of the study makes, beginning with everything; a study begins at any of them.
STAGES = (
    ("results", ".snakemake"),
    ("results/losses",),
    ("results/homogeneity",),
    ("results/signals.parquet", "results/fitted_parameters.parquet"),
    ("results/thresholds.parquet",),
    (TARGET,),
)


def write_study(folder: Path, preload: bool) -> None:
    """Write models, pictures, prompts and the configuration of the study to `folder`."""
    tiny_models.save_stable_diffusion(folder / "model")
    write_pictures(folder / "pictures", usable=4)
    (folder / "prompts.txt").write_text("".join(f"{i:03d}: a cat number {i}\n" for i in range(8)))
    model = {"pipeline": "StableDiffusionPipeline", "path": "model", "image_size": 32, "steps": 2, "batch_size": 4}
    # Its weights are random.
    model["autoencoder"] = {"must_reproduce": False}
    config = {
        "device": "cpu",
        "preload": preload,
        "shard_size": 10,
        "image_sets": {"pictures": {"folder": "pictures"}},
        "prompts": {"file": "prompts.txt"},
        "models": {"sd": model},
        "reconstruction": {"metrics": ["l2"]},
        "attribution": {"metric": "l2"} | PIXEL_VERDICTS | {"verdict_metric": "l2"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def start(folder: Path, cores: int, *arguments: str) -> subprocess.Popen[bytes]:
    """Start Snakemake on the study in a process group of its own; its output goes to a file."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(cores), "--configfile", str(folder / "config.yaml")]
    command += ["--workflow-profile", str(ROOT / "profiles" / "default"), "--retries", "2"]
    with (folder / "output.txt").open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)


def jobs_of(group: int) -> dict[int, str]:
    """Return the process ids of a process group's scripts, with the script's name."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdecimal() or os.getpgid(int(entry.name)) != group:
                continue
            command = (entry / "cmdline").read_bytes().decode().split("\0")
            name = (entry / "comm").read_text().strip()
        except OSError:
            continue
        script = re.search(r"\.snakemake/scripts/tmp\w+\.(\w+)\.py", " ".join(command[1:2]))
        if script:
            found[int(entry.name)] = script[1]
        elif " ".join(command[1:2]).endswith("preloading_server.py") and name in SCRIPTS:
            found[int(entry.name)] = SCRIPTS[name]
    return found


def cpu_seconds(process: int) -> float | None:
    """Return the CPU time that a process has used, which other work on the machine does not change; nothing if over."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_job(run: subprocess.Popen[bytes], chance: random.Random) -> tuple[int, str] | None:
    """Return a running job's process id and name, or nothing when Snakemake is over."""
    while run.poll() is None:
        if jobs := sorted(jobs_of(run.pid).items()):
            return chance.choice(jobs)
        time.sleep(0.1)
    return None


def lives_to(process: int, seconds: float) -> bool:
    """Wait until a process has used so much CPU time; return whether it lives to see it."""
    while (used := cpu_seconds(process)) is not None:
        if used >= seconds:
            return True
        time.sleep(0.05)
    return False


def kill(run: subprocess.Popen[bytes], chance: random.Random) -> tuple[str, list[str]]:
    """End a run of Snakemake or one of its jobs; return how, and which jobs were running."""
    jobs = jobs_of(run.pid)
    kind = chance.choice([kind for kind in KINDS if jobs or kind != JOB])
    try:
        if kind == JOB:
            victim = chance.choice(sorted(jobs))
            os.kill(victim, signal.SIGKILL)
            while cpu_seconds(victim) is not None:
                time.sleep(0.05)
        elif kind == ALONE:
            run.kill()
        elif kind == TERMINATED:
            run.terminate()
        else:
            os.killpg(run.pid, signal.SIGKILL if kind == EVERYTHING else signal.SIGINT)
    except ProcessLookupError:
        pass
    idle_since, used = time.monotonic(), None
    while kind != JOB and run.poll() is None:
        now = cpu_seconds(run.pid)
        if jobs_of(run.pid) or now != used:
            idle_since, used = time.monotonic(), now
        elif time.monotonic() - idle_since > PATIENCE:
            kind = HANGING
            run.kill()
        time.sleep(0.1)
    return kind, list(jobs.values())


def contents(folder: Path) -> dict[str, pd.DataFrame]:
    """Return every table of the study's results, by its path, and the CSV files' lines."""
    found = {}
    for path in sorted((folder / "results").rglob("*.*")):
        name = path.relative_to(folder / "results").as_posix()
        if path.suffix == ".parquet":
            table, *below = Path(name).with_suffix("").parts
            found[name] = read_table(path, "fingerprints" if table == "autoencoders" and below else table)
        elif path.suffix in (".csv", ".tmp"):
            found[name] = pd.DataFrame({"line": path.read_text(errors="replace").splitlines()})
    return found


def differences(expected: dict[str, pd.DataFrame], found: dict[str, pd.DataFrame]) -> list[str]:
    """Return a line for every file that is missing, new or different."""
    lines = [f"{name}: only in one of the runs" for name in sorted(set(expected) ^ set(found))]
    for name in sorted(set(expected) & set(found)):
        try:
            pd.testing.assert_frame_equal(expected[name], found[name], check_exact=True)
        except AssertionError as difference:
            lines.append(f"{name}: {difference}")
    return lines


def undisturbed(folder: Path, cores: int) -> dict[str, float]:
    """Complete the study; return the CPU seconds that each script took, and Snakemake until its first job, at most."""
    run = start(folder, cores, TARGET)
    lives: dict[str, float] = {}
    while run.poll() is None:
        jobs = jobs_of(run.pid)
        if jobs:
            lives.setdefault(PLANNING, cpu_seconds(run.pid) or 0)
        for process, script in jobs.items():
            lives[script] = max(lives.get(script, 0), cpu_seconds(process) or 0)
        time.sleep(0.05)
    if run.returncode:
        raise SystemExit((folder / "output.txt").read_text())
    return lives


def begin_anew(folder: Path, first_stage: int) -> None:
    """Remove what the study's stages from the given one on have made."""
    for names in STAGES[first_stage:]:
        for name in names:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="at least so many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments and ways (default %(default)s)")
    parser.add_argument("--cores", type=int, default=2, help="cores (default %(default)s)")
    parser.add_argument("--preload", action=argparse.BooleanOptionalAction, default=True, help="as the key `preload`")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    kinds: Counter[str] = Counter()
    interrupted: Counter[str] = Counter()
    problems: list[str] = []
    groups: set[int] = set()
    studies = locks = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_study(folder, arguments.preload)
        lives = undisturbed(folder, arguments.cores)
        expected = contents(folder)
        print(f"undisturbed, CPU seconds: { {name: round(life, 2) for name, life in lives.items()} }", file=sys.stderr)

        def note(kind: str, running: list[str], otherwise: str) -> None:
            kinds[kind] += 1
            interrupted.update(running or [otherwise])
            print(f"{time.strftime('%H:%M:%S')} kill {kinds.total()}: {kind}: {running}", file=sys.stderr, flush=True)

        while kinds.total() < arguments.kills and not problems:
            begin_anew(folder, chance.randrange(len(STAGES)))
            complete = False
            while not complete and not problems:
                run = start(folder, arguments.cores, TARGET)
                groups.add(run.pid)
                killed = False
                if chance.random() < 1 / 8 and lives_to(run.pid, chance.uniform(0, lives[PLANNING])):
                    note(*kill(run, chance), PLANNING)
                    killed = True
                while job := wait_for_job(run, chance):
                    process, script = job
                    lived = lives_to(process, chance.uniform(0, 1.3 * lives.get(script, 1)))
                    if not lived and chance.random() < 1 / 2:
                        continue
                    if not lived:
                        # Snakemake takes note of what the job wrote.
                        time.sleep(chance.uniform(0, 0.3))
                    if run.poll() is None:
                        note(*kill(run, chance), NO_JOB)
                        killed = True
                complete = run.wait() == 0
                output = (folder / "output.txt").read_text()
                if "cannot be locked" in output:
                    locks += 1
                    start(folder, arguments.cores, "--unlock").wait()
                elif "\nError: " in output or not (complete or killed):
                    problems.append(output)
            while any(jobs_of(group) for group in groups):
                time.sleep(0.1)
            studies += 1
            problems += differences(expected, contents(folder))
            print(f"study {studies}: {problems or 'as if nothing had been'}", file=sys.stderr, flush=True)
    rows = sum(map(len, expected.values()))
    print(
        f"{kinds.total()} kills in {studies} studies of {len(expected)} tables and {rows} rows; {locks} locks removed\n"
    )
    for title, counts in (("way", kinds), ("what was running", interrupted)):
        print(f"| {title} | kills |\n|---|---|")
        print("".join(f"| {name} | {count} |\n" for name, count in counts.most_common()))
    print("\n".join(problems) if problems else "No table was lost or changed.")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
