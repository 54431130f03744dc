"""What other processes cost, by the kernel's own counters. Import nothing large where this is used: Linux starts a
child's peak memory at its parent's.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}


@dataclass(frozen=True)
class Cost:
    """What processes took.

    Attributes:
        processes: how many they are.
        wall, cpu: seconds of the clock, and of all cores.
        peak: bytes of memory that the largest process held at once.
        read: bytes that they read from files, but not what they mapped into memory instead.
        weights: bytes of the weights that they loaded.
    """

    processes: int
    wall: float
    cpu: float
    peak: int
    read: int
    weights: int


def run(command: Sequence[str | Path], weights: int = 0) -> Cost:
    """Run a command to its end, in one thread a process. Children that it waits for count with it.

    Raises:
        SystemExit: the command failed; with what it wrote.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | ONE_THREAD, text=True
    )
    assert process.stdout
    printed = process.stdout.read()
    # The counters can be read until somebody has waited for the process.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    counters = dict(line.split(": ") for line in Path(f"/proc/{process.pid}/io").read_text().splitlines())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{printed}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(1, time.monotonic() - began, cpu, usage.ru_maxrss * 1024, int(counters["rchar"]), weights)


def together(costs: Iterable[Cost], wall: float) -> Cost:
    """Return the cost of processes of which all took `wall` seconds together."""
    every = list(costs)
    return Cost(
        len(every),
        wall,
        sum(cost.cpu for cost in every),
        max(cost.peak for cost in every),
        sum(cost.read for cost in every),
        sum(cost.weights for cost in every),
    )


def size_of_weights(folder: Path) -> int:
    """Return the bytes of all weights below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def three_digits(figure: float) -> str:
    """Return a number with at least three digits, and never with an exponent."""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.3g}"


def print_costs(costs: dict[str, Cost]) -> None:
    """Print a table of costs, and how many times those of all others the first one's are."""
    print("| | processes | CPU s | clock, s | peak of one process, GB | read, GB | weights loaded, MB |")
    print("|---|---|---|---|---|---|---|")
    for name, cost in costs.items():
        figures = (cost.cpu, cost.wall, cost.peak / 1e9, cost.read / 1e9, cost.weights / 1e6)
        print(f"| {name} | {cost.processes} | {' | '.join(map(three_digits, figures))} |")
    (first, theirs), *others = costs.items()
    for name, ours in others:
        pairs = (
            (theirs.processes, ours.processes),
            (theirs.cpu, ours.cpu),
            (theirs.wall, ours.wall),
            (theirs.peak, ours.peak),
            (theirs.read, ours.read),
            (theirs.weights, ours.weights),
        )
        print(f"| {first} / {name} | {' | '.join(f'{a / b:.1f}' for a, b in pairs)} |")
