# What a run reports: its progress, the time left, and its results.

import logging
import time

from aedr.study.run_summary import accuracy_matrix, last_words, say_verdicts, warnings
from aedr.study.time_left import JobTimes, say_time_left

# Every estimate looks at every job.
SECONDS_BETWEEN_ESTIMATES = 10
# What they warn of can be mended before hours of work.
RULES_THAT_WARN_AT_ONCE = ("import_images", "read_dataset")


class RunProgress(logging.Handler):
    """Reports how long the rest of the run will take, and remembers which jobs failed."""

    def __init__(self):
        super().__init__()
        self.times, self.finished, self.failed, self.logs = JobTimes(), set(), {}, {}
        # The first job that failed for each reason.
        self.reasons = {}
        self.began = self.last_said = time.time()

    def emit(self, record):
        # As in the standard library's handlers, a bad record must not end the run.
        try:
            self.follow(record)
        except Exception:
            self.handleError(record)

    def follow(self, record):
        event = getattr(record, "event", None)
        if event == "job_info":
            self.logs[record.jobid] = list(record.log) if record.rule_name in RULES_THAT_WARN_AT_ONCE else []
            self.times.start(record.jobid, job_kind(record.rule_name, record.wildcards), record.created)
        elif event == "job_finished":
            self.times.finish(record.job_id, record.created)
            self.finished.add(record.job_id)
            for warning in (warning for log in self.logs.get(record.job_id, []) for warning in warnings(log)):
                logger.warning(warning)
        elif event == "job_error":
            self.failed[record.jobid] = (record.rule_name, list(record.log))
        elif event == "progress" and record.created - self.last_said >= SECONDS_BETWEEN_ESTIMATES:
            self.last_said = record.created
            self.say_time_left(record.created)

    def is_repeated(self, record):
        """Return whether a failed job's reason is that of another job, such as one licence that all downloads lack."""
        reason = last_words(record.log[0]) if record.log else None
        return reason is not None and self.reasons.setdefault(reason, record.jobid) != record.jobid

    def say_time_left(self, now):
        over = self.finished | set(self.failed)
        rest = [
            (job.jobid, job_kind(job.rule.name, job.wildcards_dict))
            for job in workflow.dag.needrun_jobs()
            if job.rule.script and job.jobid not in over
        ]
        if rest:
            logger.info(say_time_left(*self.times.estimate(rest, now - self.began, now)))


def job_kind(rule, wildcards):
    """Return what jobs of about the same length have in common: the rule, and all wildcards but the shard."""
    return (rule, *(f"{value}" for name, value in sorted(wildcards.items()) if name != "shard"))


def is_shown(record):
    """Return whether the console shows a record: on a terminal all but RuleException, else warnings and errors.

    A failed job is reported in a block of its own, and the full log is in .snakemake/log.
    """
    if getattr(record, "exception", None) == "RuleException":
        return False
    if getattr(record, "event", None) == "job_error" and RUN_PROGRESS.is_repeated(record):
        return False
    return sys.stderr.isatty() or record.levelno >= logging.WARNING


RUN_PROGRESS = RunProgress()


def console():
    """Return Snakemake's handlers that write to the terminal."""
    return [handler for handler in logger.handlers if handler.get_name() == "DefaultStreamHandler"]


def start_progress():
    """Follow the run; without a terminal, be quiet."""
    logger.addHandler(RUN_PROGRESS)
    for handler in console():
        handler.addFilter(is_shown)


def stop_progress():
    """Undo start_progress."""
    logger.removeHandler(RUN_PROGRESS)
    for handler in console():
        handler.removeFilter(is_shown)


def say_summary():
    """Report what the run made: the accuracy matrix of a study, the verdicts of an attribution, and where they are."""
    made = {job.rule.name for job in workflow.dag.jobs if all(Path(file).exists() for file in job.output)}
    if "evaluate_accuracy" in made:
        metric, signal = config["attribution"]["metric"], config["attribution"]["signal"]
        matrix = accuracy_matrix(f"{RESULTS}/accuracy.csv", metric, signal, list(SOURCES))
        logger.info(
            f"\nAccuracy in percent on held-out images ({metric}, {signal}); in brackets: own images accepted\n"
        )
        logger.info(f"{matrix}\n\nAll cells: {RESULTS}/accuracy.csv")
        for warning in warnings(f"{RESULTS}/logs/fit_threshold.log"):
            logger.warning(warning)
    if "plot_accuracy" in made:
        logger.info(f"Figures: {RESULTS}/plots")
    if "write_report" in made:
        logger.info(f"Report: {RESULTS}/report.html")
    if "attribute_images" in made:
        verdicts = f"{RESULTS}/verdicts/verdicts"
        logger.info(f"\n{say_verdicts(f'{verdicts}.jsonl')}")
        logger.info(f"Why: {verdicts}.html\nAs tables: {verdicts}.csv, .parquet and .jsonl")
        for warning in warnings(f"{RESULTS}/logs/attribute_images.log"):
            logger.warning(warning)


def say_failures(logs_of_run):
    """Report why jobs failed, each reason once, and where their logs are."""
    failed = {}
    for rule, logs in RUN_PROGRESS.failed.values():
        failed.setdefault(last_words(logs[0]) if logs else "it has no log", []).append((rule, logs))
    for reason, jobs in failed.items():
        names = ", ".join(dict.fromkeys(rule for rule, _ in jobs))
        logs = ", ".join(log for _, logs in jobs for log in logs)
        logger.error(f"\n{names} failed: {reason}\n  log: {logs}")
    # Of a killed job, Snakemake reports only a number.
    said = "".join(Path(file).read_text(encoding="utf-8", errors="replace") for file in logs_of_run)
    if "SIGKILL" in said or "exit status 137" in said:
        logger.error(
            "A job was killed from outside (SIGKILL), most likely because memory ran out. Run again: finished jobs "
            "are kept. With fewer --cores, fewer jobs share the memory; a smaller batch_size needs less."
        )
