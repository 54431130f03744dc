"""What Snakemake's own process takes while jobs run, with its timers and with one (`functions/scheduling.smk`).

    python benchmarks/cost/scheduling.py [--jobs 100 200 400] [--seconds 2] [--cores 4]

Both ways run a workflow of jobs that sleep, all ready from the start, so nearly all of these CPU seconds are the
scheduler's. Both run at the same time; sleeping jobs do not disturb each other.
"""

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SCHEDULING = Path(__file__).parents[2] / "workflow" / "functions" / "scheduling.smk"
WORKFLOW = """
import time

include: "{scheduling}"

onstart:
    if {one_timer}:
        wait_with_one_timer()

onsuccess:
    print("CPU seconds:", time.process_time())

rule all:
    input:
        expand("{{job}}", job=range({jobs})),

rule sleep:
    output:
        "{{job}}",
    shell:
        "sleep {seconds}; touch {{output}}"
"""


def measure(folder: Path, jobs: int, seconds: float, cores: int, one_timer: bool) -> float:
    """Return the CPU seconds of Snakemake's process until all jobs are done."""
    folder.mkdir()
    values = {"jobs": jobs, "seconds": seconds, "scheduling": SCHEDULING, "one_timer": one_timer}
    (folder / "Snakefile").write_text(WORKFLOW.format(**values))
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stderr)
    return float(run.stdout.rpartition("CPU seconds:")[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 200, 400], help="(default %(default)s)")
    parser.add_argument("--seconds", type=float, default=2, help="that a job sleeps (default %(default)s)")
    parser.add_argument("--cores", type=int, default=4, help="jobs at a time (default %(default)s)")
    arguments = parser.parse_args()
    print("| jobs | Snakemake's timers, CPU s | one timer, CPU s | ratio |\n|---|---|---|---|")
    for jobs in arguments.jobs:
        with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as pool:

            def timed(one_timer: bool, folder: Path = Path(temporary), jobs: int = jobs) -> float:
                return measure(folder / str(one_timer), jobs, arguments.seconds, arguments.cores, one_timer)

            theirs, ours = pool.map(timed, (False, True))
        print(f"| {jobs} | {theirs:.1f} | {ours:.1f} | {theirs / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
