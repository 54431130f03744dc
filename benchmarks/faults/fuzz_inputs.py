"""Try damaged pictures, claims of files, configurations, calibrations, prompts and captions until the time is over.

Each must be taken, and then be what it is taken for, or refused by name with a reason (tests/hostile_*.py say what is
checked). The exit code is 1 if one of them raised another exception, took longer than --slowest seconds, needed more
memory than --memory, or gave a wrong row; the input is then left in the temporary folder.

    python benchmarks/faults/fuzz_inputs.py [--seconds 600] [--slowest 20] [--memory 4] [--seed 0] [--only KIND]
"""

import argparse
import faulthandler
import functools
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support")]

import hostile_claims  # noqa: E402
import hostile_configurations  # noqa: E402
import hostile_pictures  # noqa: E402
import hostile_tables  # noqa: E402

EXAMPLES_A_ROUND = 200


def targets(folder: Path) -> dict[str, tuple[Any, Callable[[Any], bool]]]:
    """Return, by name, what is drawn and what is checked of it."""
    return {
        "picture": (hostile_pictures.hostile_pictures(), lambda drawn: hostile_pictures.check_picture(drawn[1])),
        "claims": (hostile_claims.hostile_claims(), hostile_claims.check_claims),
        "configuration": (
            hostile_configurations.hostile_configurations(),
            lambda drawn: hostile_configurations.check_parsed(*drawn),
        ),
        "configuration file": (
            hostile_configurations.hostile_documents(),
            lambda data: hostile_configurations.check_document(data, folder),
        ),
        "calibration": (
            hostile_tables.hostile_calibrations(),
            lambda data: hostile_tables.check_calibration(data, folder),
        ),
        "prompts or captions": (hostile_tables.hostile_texts, lambda data: hostile_tables.check_text(data, folder)),
    }


def draw_and_check(strategy: Any, number: int, work: Callable[[Any], None]) -> None:
    """Give `work` the examples that a round's number stands for."""

    @seed(number)
    @settings(
        max_examples=EXAMPLES_A_ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def work_on(drawn: Any) -> None:
        work(drawn)

    work_on()


def main() -> int:
    """Fuzz, print how many inputs of each kind were tried, and return 1 if one was not handled."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--slowest", type=float, default=20)
    parser.add_argument("--memory", type=int, default=4, help="GB of address space")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=targets(Path()), help="one kind of input")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (arguments.memory << 30,) * 2)
    folder = Path(tempfile.mkdtemp(prefix="aedr-fuzz-"))
    # Decoders in C write their complaints here; a stack that hangs or crashes is left here too.
    complaints = os.open(folder / "complaints.log", os.O_WRONLY | os.O_CREAT)
    os.dup2(complaints, 2)
    tried: Counter[tuple[str, bool]] = Counter()
    slowest: dict[str, float] = {}
    faults: list[str] = []
    end, round_number = time.monotonic() + arguments.seconds, arguments.seed

    def attempt(kind: str, check: Callable[[Any], bool], drawn: Any) -> None:
        if time.monotonic() > end:
            return
        # Of the process: other work on the machine is no fault of the input.
        start = time.process_time()
        faulthandler.dump_traceback_later(30 * arguments.slowest, exit=True)
        try:
            tried[kind, check(drawn)] += 1
        except Exception:
            faults.append(f"{kind}: {traceback.format_exc()}\n{drawn!r:.2000}")
        slowest[kind] = max(slowest.get(kind, 0), time.process_time() - start)
        if slowest[kind] > arguments.slowest:
            faults.append(f"{kind}: took {slowest[kind]:.0f} s: {drawn!r:.2000}")

    while time.monotonic() < end and not faults:
        for kind, (strategy, check) in targets(folder).items():
            if arguments.only not in (None, kind):
                continue
            draw_and_check(strategy, round_number, functools.partial(attempt, kind, check))
        round_number += 1
    faulthandler.cancel_dump_traceback_later()
    print("| input | tried | taken | refused | slowest, CPU s |\n|---|---|---|---|---|")
    for kind in slowest:
        taken, refused = tried[kind, True], tried[kind, False]
        print(f"| {kind} | {taken + refused} | {taken} | {refused} | {slowest[kind]:.2f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{tried.total()} inputs, {len(faults)} not handled; {peak:.2f} GB at most")
    (folder / "faults.txt").write_text("\n".join(faults), encoding="utf-8", errors="backslashreplace")
    print("\n".join(fault[:1500] for fault in faults[:5]).encode(errors="backslashreplace").decode())
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
