# How Snakemake waits until jobs can begin.

import threading

import snakemake

# What is replaced here and for preloading is not public, so another version may have something else.
TRIED_WITH = "9.27."


def is_tried_version():
    """Return whether parts of Snakemake that are not public are those that this workflow knows."""
    return snakemake.__version__.startswith(TRIED_WITH)


class OneTimer:
    """Lets the scheduler look again after some seconds, once, however often that is asked for until then.

    Snakemake's own limit of jobs per second starts a timer whenever the scheduler has looked, and each timer lets it
    look again. Every job that ends adds one, so after a few hundred jobs it does nothing else (docs/development.md).
    """

    def __init__(self, scheduler):
        self.scheduler, self.is_waiting = scheduler, False

    def __call__(self, seconds):
        if not self.is_waiting:
            self.is_waiting = True
            timer = threading.Timer(seconds, self.end)
            # The run may end before.
            timer.daemon = True
            timer.start()

    def end(self):
        self.is_waiting = False
        self.scheduler._open_jobs.release()


def wait_with_one_timer():
    """Keep the scheduler from looking again and again at jobs that cannot begin yet."""
    if is_tried_version():
        workflow.scheduler._schedule_reevalutation = OneTimer(workflow.scheduler)
