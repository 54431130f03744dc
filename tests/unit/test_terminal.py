"""What a run says of its progress: estimates from finished jobs, and bars only where somebody watches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aedr.study.run_summary import last_words
from aedr.study.time_left import JobTimes, say_time_left

JOB = """
from types import SimpleNamespace
from aedr.jobs import job, progress
with job(SimpleNamespace(log=["job.log"], threads=1, resources={}, output=[])):
    assert list(progress(range(3), 3, "images")) == [0, 1, 2]
"""


def test_the_time_left_is_that_of_the_finished_jobs_of_the_same_kind_side_by_side() -> None:
    times = JobTimes()
    for job, kind, began in [(1, ("generate", "big"), 0), (2, ("generate", "small"), 0), (3, ("generate", "big"), 100)]:
        times.start(job, kind, began)
    times.finish(1, 100)
    times.finish(2, 100)
    # Job 3 runs since 20 seconds of 100; a model never seen takes what the rule took; two jobs ran at a time, then one.
    unfinished = [(3, ("generate", "big")), (4, ("generate", "new")), (5, ("plot",))]
    seconds, unknown = times.estimate(unfinished, elapsed=110, now=120)
    assert seconds == pytest.approx((80 + 100) / (220 / 110))
    assert unknown == {"plot"}
    assert say_time_left(seconds, unknown) == "At least 2 min left, not counting plot (no job finished yet)"
    assert say_time_left(0, unknown) == "The time left is not known yet for plot (no job finished yet)"
    assert say_time_left(*times.estimate([(3, ("generate", "big"))], 110, 120)).startswith("About 40 s left")


@pytest.mark.parametrize("watched", [True, False])
def test_bars_are_shown_where_somebody_watches_and_always_logged(watched, tmp_path) -> None:
    terminal, shown = os.openpty() if watched else os.pipe()
    package = Path(__file__).parents[2] / "workflow/scripts"
    subprocess.run(
        [sys.executable, "-c", JOB],
        cwd=tmp_path,
        stderr=shown,
        env=os.environ | {"PYTHONPATH": str(package)},
        check=True,
    )
    os.write(shown, b"end")
    os.close(shown)
    said = os.read(terminal, 2**16).decode()
    os.close(terminal)
    assert ("images: 100%" in said) == watched
    assert "images: 100%" in (tmp_path / "job.log").read_text()


def test_a_failed_jobs_last_words_are_its_error_or_its_last_line(tmp_path) -> None:
    log = tmp_path / "log"
    log.write_text("10%\nError: models.a: two lines\n  of reason\n")
    assert last_words(log) == "models.a: two lines\n  of reason"
    log.write_text("Traceback (most recent call last):\nKeyError: 3\n")
    assert last_words(log) == "KeyError: 3"
    assert last_words(tmp_path / "none") == "it ended without a message"
