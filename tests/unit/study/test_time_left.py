"""How long a run will still take: an estimate from finished jobs."""

import pytest

from aedr.study.time_left import JobTimes, say_time_left


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
