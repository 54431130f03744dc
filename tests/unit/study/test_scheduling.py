"""How Snakemake's scheduler waits: a request to look again later is one look, however often it is made."""

import threading
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.benchmark import BenchmarkTimer
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.shell import shell

FILE = Path(__file__).parents[3] / "workflow" / "functions" / "scheduling.smk"


@pytest.fixture
def functions() -> dict[str, Any]:
    """What the file defines, with a workflow whose scheduler counts its looks."""
    scheduler = SimpleNamespace(_open_jobs=threading.Semaphore(0))
    names = {"workflow": SimpleNamespace(scheduler=scheduler)}
    exec(FILE.read_text(encoding="utf-8"), names)
    return names


def test_requests_until_the_next_look_are_one(functions) -> None:
    functions["wait_with_one_timer"]()
    scheduler = functions["workflow"].scheduler
    for _ in range(3):
        for _ in range(50):
            scheduler._schedule_reevalutation(0.05)
        assert scheduler._open_jobs.acquire(timeout=10)
        assert not scheduler._open_jobs.acquire(timeout=0.3)


def test_another_snakemake_is_left_as_it_is(functions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snakemake.__version__", "10.0.0")
    functions["wait_with_one_timer"]()
    assert not hasattr(functions["workflow"].scheduler, "_schedule_reevalutation")


def test_the_pinned_snakemake_is_the_tried_one_and_has_what_is_replaced(functions) -> None:
    assert functions["is_tried_version"]() and version("snakemake").startswith(functions["TRIED_WITH"])
    assert callable(JobScheduler._schedule_reevalutation)
    assert BenchmarkTimer and shell._process_prefix is None
