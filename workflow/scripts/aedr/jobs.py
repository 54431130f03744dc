"""What every job does around its work: log, threads, one GPU of its own, progress, short errors."""

import contextlib
import errno
import fcntl
import os
import platform
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

from aedr.errors import UserError
from aedr.files import sync
from aedr.gpus import installed_gpus

Item = TypeVar("Item")

# How a line of a log begins that the run may repeat when it ends.
WARNING = "Warning: "

_terminal: TextIO | None = None
# CUDA_VISIBLE_DEVICES of the run, which `job` narrows down for its own process.
visible_to_run: str | None = None


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run one Snakemake job's work. Its output goes to its log; a `UserError` ends it with only the message.

    File descriptors 1 and 2 are redirected, not only `sys.stderr`, so that the output of native code and of child
    processes reaches the log too. Threads are limited to the number that Snakemake gave. A job that asks for a GPU
    holds one device until it ends. Outputs are synced to disk before Snakemake considers the job finished.
    """
    global _terminal
    over = threading.Event()
    try:
        # transformers may ask whether to run a model's own code. Nobody would see the question, so it gets no answer.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if snakemake.log:
            os.makedirs(os.path.dirname(snakemake.log[0]) or ".", exist_ok=True)
            _terminal = os.fdopen(os.dup(2), "w")
            log = os.open(snakemake.log[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            # Some network file systems give a file a new inode number each time.
            if os.path.samestat(os.fstat(1), os.stat(snakemake.log[0])):
                threading.Thread(target=_stop_when_replaced, args=(snakemake.log[0], over), daemon=True).start()
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[variable] = str(snakemake.threads)
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        with _one_gpu(int(snakemake.resources.get("gpu", 0))):
            device = os.environ.get("CUDA_VISIBLE_DEVICES", "unset")
            print(f"{sys.executable} on {platform.node()}, CUDA_VISIBLE_DEVICES={device}")
            yield
        for output in map(Path, snakemake.output):
            for path in (output, *output.rglob("*")):
                if path.exists():
                    sync(path)
        sys.stdout.flush()
    except UserError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            traceback.print_exc()
            raise SystemExit(1) from None
        _fail(
            f"No space left for {' or '.join([*snakemake.output, *snakemake.log])} ({error}). "
            "Make room and run again: finished jobs are kept."
        )
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        over.set()


def warn(message: str) -> None:
    """Write a warning to the job's log; `aedr.study.run_summary.warnings` finds it there."""
    print(f"{WARNING}{message}", file=sys.stderr)


def _fail(message: str) -> NoReturn:
    """End the job with a message in its log, or on Snakemake's stderr if the log cannot be written."""
    try:
        print(f"Error: {message}", file=sys.stderr, flush=True)
    except OSError:
        print(f"Error: {message}", file=_terminal, flush=True)
    raise SystemExit(1) from None


def _stop_when_replaced(log: str, over: threading.Event) -> None:
    """End this process when its log is replaced; Snakemake creates a new log for every job.

    If only Snakemake was killed, its jobs live on. They must not overwrite what the same jobs of the next run write,
    perhaps with other settings.
    """
    while not over.wait(1):
        try:
            replaced = not os.path.samestat(os.fstat(1), os.stat(log))
        except FileNotFoundError:
            continue
        if replaced:
            os._exit(1)


@contextlib.contextmanager
def _one_gpu(wanted: int) -> Iterator[None]:
    """Bind this process to one GPU that no other job on this machine holds.

    If CUDA_VISIBLE_DEVICES names several devices, the GPU is one of them. If it names one or none, a scheduler or the
    user has chosen already.
    """
    global visible_to_run
    visible_to_run = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted == 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        yield
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = installed_gpus() if visible is None else visible.split(",")
    if not devices or (visible is not None and len(devices) <= wanted):
        yield
        return
    while True:
        for device in devices:
            path = os.path.join(tempfile.gettempdir(), f"aedr-gpu-{os.getuid()}-{device}.lock")
            with open(path, "w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                os.environ["CUDA_VISIBLE_DEVICES"] = device.strip()
                yield
                return
        time.sleep(1)


class _Lines:
    """A stream for tqdm that starts a new line instead of a carriage return, so that parallel jobs do not mix.

    It writes to the log, and to Snakemake's stderr if that is a terminal.
    """

    def __init__(self) -> None:
        watched = _terminal if _terminal is not None and _terminal.isatty() else None
        self._streams = [stream for stream in (sys.stderr, watched) if stream is not None]

    def write(self, text: str) -> None:
        if text := text.strip("\r\n "):
            for stream in self._streams:
                stream.write(text + "\n")

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield `items` and report the progress and speed of `what` every ten seconds, in the log and on a terminal."""
    from tqdm import tqdm

    yield from tqdm(items, total=total, desc=what, file=_Lines(), mininterval=10, ncols=100)  # type: ignore[arg-type]
