"""What the jobs of a run take to begin: interpreter and imports, beside their work, with and without `preload`.

    python benchmarks/cost/start_up.py [--cores 2] [--study FOLDER] [--keep FOLDER] [--over FILE ...]

The demo's study is run, then `snakemake attribute` on a dozen of its images, as many of each source: once with
`preload: false`, where each job imports for itself as it did before there was that key, and once with `preload: true`.
With `--study` the study is not run: a copy of that folder, the results of a finished demo, is asked in both ways.
`--over` lays configuration files over that of the demo.

Printed are seconds by the clock, which other work on the machine lengthens, and CPU seconds: of the whole command, with
everything that it started, and of each rule's jobs. A job's start-up is that of its interpreter and what passes within
imports; the rest is work. With `preload: true`, what the shared Python imports is a line of its own. The last line says
which tables of both studies, verdicts among them, are not equal bit for bit.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from aedr.tables.files import read_table  # noqa: E402

# Every Python of the run begins with this. What it counts goes to a file when that Python, or a fork of it, ends.
SITE = """
import atexit, builtins, importlib, json, os, resource, sys, time

class Count:
    inside, seconds = False, time.process_time()

def counted(function):
    def call(*arguments, **named):
        if Count.inside:
            return function(*arguments, **named)
        Count.inside, began = True, time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            Count.inside = False
            Count.seconds += time.process_time() - began
    return call

def begin_anew():
    Count.inside, Count.seconds = False, 0.0

def say():
    if folder := os.environ.get("START_UP"):
        below = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = {"start": Count.seconds, "own": time.process_time(), "below": below.ru_utime + below.ru_stime}
        with open(f"{folder}/{os.getpid()}-{time.time_ns()}.json", "w") as file:
            json.dump(used | {"name": os.path.basename(sys.argv[0])}, file)

builtins.__import__ = counted(builtins.__import__)
importlib.import_module = counted(importlib.import_module)
os.register_at_fork(after_in_child=begin_anew)
atexit.register(say)
"""
SERVER, SNAKEMAKE = "libraries, once", "Snakemake"
NAMES = {"preloading_server.py": SERVER, "__main__.py": SNAKEMAKE}


@dataclass(frozen=True)
class Run:
    """A command's seconds, and for each rule its number of jobs, CPU seconds of start-up and of work."""

    clock: float
    processor: float
    rules: dict[str, tuple[int, float, float]]


def run(folder: Path, results: Path, preload: bool, arguments: argparse.Namespace, *target: str) -> Run:
    """Run the demo's study, or the target `attribute`; raises `SystemExit` with the output if it fails."""
    counts = folder / f"counts-{time.time_ns()}"
    counts.mkdir(parents=True)
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(SITE)
    command = [sys.executable, "-m", "snakemake", *target, "--cores", str(arguments.cores)]
    options = [f"results={results}", f"preload={preload}", *([f"query={folder / 'query'}"] if target else [])]
    over = [str(file.resolve()) for file in arguments.over]
    before, began = processor_seconds(), time.monotonic()
    done = subprocess.run(
        [*command, "--configfile", "config/demo.yaml", *over, "--config", *options],
        cwd=ROOT,
        env=os.environ | {"START_UP": str(counts), "PYTHONPATH": str(folder / "site")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stdout)
    return Run(time.monotonic() - began, processor_seconds() - before, read_counts(counts))


def processor_seconds() -> float:
    """Return the CPU seconds of all commands so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_counts(folder: Path) -> dict[str, tuple[int, float, float]]:
    """Return each rule's jobs, and their CPU seconds of start-up and of work."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for file in folder.iterdir():
        count = json.loads(file.read_text())
        name = NAMES.get(count["name"], count["name"].partition(".")[2].removesuffix(".py"))
        # What a job started, such as a process that reads claims, is work; what Snakemake started is counted itself.
        below = 0.0 if name in NAMES.values() else count["below"]
        if name:
            for i, value in enumerate((1, count["start"], count["own"] - count["start"] + below)):
                sums[name][i] += value
    return {name: (int(jobs), start, work) for name, (jobs, start, work) in sums.items()}


def write_query(results: Path, folder: Path) -> None:
    """Write a dozen images of the study as files, of each source as many, from its third image on."""
    folder.mkdir()
    sources = [source for source in sorted((results / "images").iterdir()) if not source.name.startswith("query")]
    for source in sources:
        images = read_table(source / "00000.parquet", "images").dropna(subset=["image"])
        for i, image in enumerate(images["image"].iloc[2 : 2 + 12 // len(sources)]):
            (folder / f"{source.name}-{i}{Path(image['path']).suffix}").write_bytes(image["bytes"])


def contents(results: Path) -> dict[str, str]:
    """Return a digest of the content of every table below a folder, without what it says of its making."""
    digests = {}
    for file in sorted(results.rglob("*.parquet")):
        table = pq.read_table(file, partitioning=None).replace_schema_metadata(None)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        digests[file.relative_to(results).as_posix()] = hashlib.sha256(sink.getvalue()).hexdigest()
    return digests


def say(what: str, alone: Run, preloaded: Run) -> None:
    """Print a command's seconds in both ways, and those of its rules."""
    print(f"\n| {what} | `preload: false` | `preload: true` | ratio |\n|---|---|---|---|")
    for name, before, after in (
        ("seconds by the clock", alone.clock, preloaded.clock),
        ("CPU seconds", alone.processor, preloaded.processor),
    ):
        print(f"| {name} | {before:.1f} | {after:.1f} | {after / before:.2f} |")
    print("\n| rule | jobs | start-up | work | start-up, preloaded | work, preloaded |\n|---|---|---|---|---|---|")
    rows = alone.rules | preloaded.rules
    for name in sorted(rows, key=lambda name: -rows[name][0]):
        seconds = [value for way in (alone, preloaded) for value in way.rules.get(name, (0, 0.0, 0.0))[1:]]
        print(f"| {name} | {rows[name][0]} | {' | '.join(f'{value:.1f}' for value in seconds)} |")
    sums = [sum(row[i] for row in way.rules.values()) for way in (alone, preloaded) for i in (1, 2)]
    print(f"| all | | {' | '.join(f'{value:.1f}' for value in sums)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--cores", type=int, default=2, help="cores (default %(default)s)")
    parser.add_argument("--study", type=Path, help="results of a finished demo, instead of running it twice")
    parser.add_argument("--keep", type=Path, help="folder to work in that is kept, instead of a temporary one")
    parser.add_argument(
        "--over", type=Path, nargs="*", default=[], metavar="FILE", help="configuration files over the demo's"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        ways = {preload: folder / f"preload-{preload}".lower() for preload in (False, True)}
        studies = {}
        for preload, results in ways.items():
            if arguments.study:
                shutil.copytree(arguments.study, results)
            else:
                studies[preload] = run(folder, results, preload, arguments)
        if studies:
            say("the demo's study", studies[False], studies[True])
        write_query(ways[False], folder / "query")
        asked = {preload: run(folder, results, preload, arguments, "attribute") for preload, results in ways.items()}
        say("attribution of a dozen images", asked[False], asked[True])
        tables = [contents(results) for results in ways.values()]
        differing = [name for name in sorted({*tables[0], *tables[1]}) if tables[0].get(name) != tables[1].get(name)]
        print(f"\n{len(tables[0])} tables; not equal in both ways: {', '.join(differing) or 'none'}")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
