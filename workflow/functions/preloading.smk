# Jobs on a machine without a GPU are forks of one Python that has loaded the large libraries: docs/development.md.

import contextlib

import psutil
import snakemake.benchmark as measuring
from snakemake.shell import shell

from aedr.gpus import may_have_gpu
from aedr.study.preloading import start_preloading

# The running one, if there is one.
PRELOADING = []
# A Snakemake that was not tried may have no such class.
Timer = getattr(measuring, "BenchmarkTimer", object)


def can_preload():
    """Return whether this run's jobs can be forks: on this machine, without a GPU, in no other environment."""
    if not config["preload"] or not is_tried_version():
        return False
    here = workflow.is_main_process and workflow.local_exec and not workflow.touch
    same_environment = not workflow.deployment_settings.deployment_method
    without_gpu = config["device"] == "cpu" or (config["device"] == "auto" and not may_have_gpu())
    # The prefix of shell commands, which is what Snakemake offers to change how scripts are begun, is written for Bash.
    bash = Path(shell.get_executable() or "").name == "bash" and shell._process_prefix is None
    return sys.platform == "linux" and all([here, same_environment, without_gpu, bash])


def begin_preloading():
    """From now on, let scripts be run in forks of a Python that loads what they import."""
    if not can_preload():
        return
    scripts = {Path(rule.script).name for rule in workflow.rules if rule.script}
    # A job with more threads is not forked.
    forked = [job for job in workflow.dag.needrun_jobs() if job.rule.script and job.threads == 1]
    planned = {Path(job.rule.script).name for job in forked}
    preloading = start_preloading(scripts, planned)
    if preloading is not None:
        PRELOADING.append(preloading)
        measuring.BenchmarkTimer = ForkTimer
        prefix = preloading.prefix
        shell.prefix("set -euo pipefail; {prefix} ")


def end_preloading():
    """Undo begin_preloading."""
    while PRELOADING:
        PRELOADING.pop().stop()
        measuring.BenchmarkTimer = Timer
        shell._process_prefix = None


class ForkedJob(psutil.Process):
    """A job's process, to which the fork that works for it belongs."""

    def children(self, recursive=False):
        found = super().children(recursive)
        with contextlib.suppress(psutil.NoSuchProcess):
            if PRELOADING and (fork := PRELOADING[0].fork_of(self.pid)):
                fork = psutil.Process(fork)
                found += [fork, *fork.children(recursive)]
        return found


class ForkTimer(Timer):
    """Snakemake's measurement of a job, with its fork; what that used until its end is known exactly."""

    def __init__(self, pid, *arguments):
        super().__init__(pid, *arguments)
        self.main = ForkedJob(pid)

    def cancel(self):
        super().cancel()
        usage = PRELOADING[0].usage_of(self.pid) if PRELOADING else None
        if usage:
            record = self.bench_record
            record.data_collected = True
            record.cpu_time = usage["cpu_seconds"]
            # In percent of a core, times seconds.
            record.cpu_usage = 100 * usage["cpu_seconds"]
            record.max_rss = max(record.max_rss or 0, usage["peak_bytes"] / 2**20)
