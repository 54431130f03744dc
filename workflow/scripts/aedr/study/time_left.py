"""How long the rest of a run will take, estimated from its finished jobs."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean

# A rule and the wildcards that its time depends on, such as (rule, model). Jobs of one kind take about equally long.
Kind = tuple[str, ...]


@dataclass
class JobTimes:
    """When the jobs of a run began, and how many seconds the finished ones took."""

    began: dict[int, tuple[Kind, float]] = field(default_factory=dict)
    seconds: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))

    def start(self, job: int, kind: Kind, now: float) -> None:
        """Note that a job began at `now`, in seconds."""
        self.began[job] = (kind, now)

    def finish(self, job: int, now: float) -> None:
        """Note that a job finished at `now`; a job whose start is not known is ignored."""
        if job in self.began:
            kind, then = self.began.pop(job)
            self.seconds[kind].append(now - then)

    def estimate(self, unfinished: Iterable[tuple[int, Kind]], elapsed: float, now: float) -> tuple[float, set[str]]:
        """Return the seconds that the unfinished jobs will take, and the rules that this leaves out.

        A job is expected to take the mean time of its kind, or else of its rule; a rule without finished jobs is left
        out. As many jobs are expected to run at once as did, on average, in the `elapsed` seconds of the run.
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
        return f"About {about} left, judging by finished jobs"
    rules = ", ".join(sorted(unknown)) if len(unknown) < 4 else f"{len(unknown)} rules"
    known = f"At least {about} left, not counting" if seconds >= 1 else "The time left is not known yet for"
    return f"{known} {rules} (no job finished yet)"
