"""How long the rest of a run will take, estimated from its jobs that have finished."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean

# A rule and the wildcards that tell its costs apart, as (rule, model); jobs of one kind take about as long.
Kind = tuple[str, ...]


@dataclass
class JobTimes:
    """When the jobs of a run began, and how many seconds those that have finished took."""

    began: dict[int, tuple[Kind, float]] = field(default_factory=dict)
    seconds: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))

    def start(self, job: int, kind: Kind, now: float) -> None:
        """Note that a job began at `now`, in seconds."""
        self.began[job] = (kind, now)

    def finish(self, job: int, now: float) -> None:
        """Note that a job finished at `now`; one whose start is not known is passed over."""
        if job in self.began:
            kind, then = self.began.pop(job)
            self.seconds[kind].append(now - then)

    def estimate(self, unfinished: Iterable[tuple[int, Kind]], elapsed: float, now: float) -> tuple[float, set[str]]:
        """Return the seconds that the unfinished jobs will take, and the rules left out of that.

        A job takes as long as the mean of its kind, or else of its rule; a rule without a finished job is left out.
        Jobs go on side by side as they did in the `elapsed` seconds of the run.
        """
        of_rule: dict[str, list[float]] = defaultdict(list)
        for kind, seconds in self.seconds.items():
            of_rule[kind[0]] += seconds
        rest = 0.0
        unknown = set()
        for job, kind in unfinished:
            known = self.seconds.get(kind) or of_rule.get(kind[0])
            if known:
                _, began = self.began.get(job, (kind, now))
                rest += max(fmean(known) - (now - began), 0)
            else:
                unknown.add(kind[0])
        worked = sum(map(sum, self.seconds.values())) + sum(now - began for _, began in self.began.values())
        side_by_side = max(worked / elapsed, 1) if elapsed > 0 else 1
        return rest / side_by_side, unknown


def say_time_left(seconds: float, unknown: set[str]) -> str:
    """Return the estimate in words."""
    units = [(90, 1, "s"), (5400, 60, "min"), (float("inf"), 3600, "h")]
    about = next(f"{seconds / unit:.0f} {name}" for below, unit, name in units if seconds < below)
    if not unknown:
        return f"About {about} left, by the jobs that have finished"
    rules = ", ".join(sorted(unknown)) if len(unknown) < 4 else f"{len(unknown)} rules"
    known = f"At least {about} left, not counting" if seconds >= 1 else "How long the rest will take is not known yet:"
    return f"{known} {rules}, of which no job has finished"
