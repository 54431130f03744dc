"""What every job does around its work: log, threads, one GPU of its own, progress, short errors."""

import contextlib
import errno
import fcntl
import glob
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

Item = TypeVar("Item")

_terminal: TextIO | None = None


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run one Snakemake job's work: its output goes to its log, a `UserError` ends it with the message alone.

    File descriptors 1 and 2 are redirected, not only `sys.stderr`, so that native code and child processes reach the
    log too. Threads are limited to those that Snakemake gave; a job that asks for a GPU holds one device until it ends.
    What the job wrote is on the disk before Snakemake takes it for finished.
    """
    global _terminal
    over = threading.Event()
    try:
        # transformers asks whether to run a model's own code; nobody must answer a question that they cannot see.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if snakemake.log:
            os.makedirs(os.path.dirname(snakemake.log[0]) or ".", exist_ok=True)
            _terminal = os.fdopen(os.dup(2), "w")
            log = os.open(snakemake.log[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            # Some network file systems number a file anew each time.
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
            "Make room and run again: what is finished is kept."
        )
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        over.set()


def _fail(message: str) -> NoReturn:
    """End the job with a message in its log, or where Snakemake speaks if the log takes no more."""
    try:
        print(f"Error: {message}", file=sys.stderr, flush=True)
    except OSError:
        print(f"Error: {message}", file=_terminal, flush=True)
    raise SystemExit(1) from None


def _stop_when_replaced(log: str, over: threading.Event) -> None:
    """End this process when another has taken the place of its log, which Snakemake makes anew for every job.

    A job lives on where Snakemake alone was killed. It must not write over what the next run's job of the same name
    writes, perhaps with other settings.
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
    """Bind this process to one GPU that no other job of this machine holds.

    Where CUDA_VISIBLE_DEVICES names several devices, as a user does who keeps others free, it is one of these. Where it
    names one or none, a scheduler or the user has chosen.
    """
    if wanted == 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        yield
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = _installed_gpus() if visible is None else visible.split(",")
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


def _installed_gpus() -> list[str]:
    return [path.removeprefix("/dev/nvidia") for path in sorted(glob.glob("/dev/nvidia[0-9]*"))]


class _Lines:
    """A stream for tqdm that starts a new line in place of a carriage return, so that parallel jobs do not mix.

    It is the log, and what Snakemake speaks to where somebody watches.
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
    """Yield `items` and say every ten seconds, in the log and on a terminal, how far `what` is and how fast."""
    from tqdm import tqdm

    yield from tqdm(items, total=total, desc=what, file=_Lines(), mininterval=10, ncols=100)  # type: ignore[arg-type]
