"""What every job does around its work: log, threads, one GPU of its own, progress, short errors."""

import contextlib
import fcntl
import glob
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, TypeVar

from aedr.errors import UserError

Item = TypeVar("Item")

_terminal: TextIO | None = None


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run one Snakemake job's work: its output goes to its log, a `UserError` ends it with the message alone.

    File descriptors 1 and 2 are redirected, not only `sys.stderr`, so that native code and child processes reach the
    log too. Threads are limited to those that Snakemake gave; a job that asks for a GPU holds one device until it ends.
    """
    global _terminal
    if snakemake.log:
        os.makedirs(os.path.dirname(snakemake.log[0]) or ".", exist_ok=True)
        _terminal = os.fdopen(os.dup(2), "w")
        log = os.open(snakemake.log[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(snakemake.threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        with _one_gpu(int(snakemake.resources.get("gpu", 0))):
            print(f"On {platform.node()}, CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES', 'unset')}")
            yield
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None


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
    """A stream for tqdm that starts a new line in place of a carriage return, so that parallel jobs do not mix."""

    def write(self, text: str) -> None:
        text = text.strip("\r\n ")
        for stream in (sys.stderr, _terminal):
            if text and stream is not None:
                stream.write(text + "\n")

    def flush(self) -> None:
        for stream in (sys.stderr, _terminal):
            if stream is not None:
                stream.flush()


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield `items` and say every ten seconds, in the log and on the terminal, how far `what` is and how fast."""
    from tqdm import tqdm

    yield from tqdm(items, total=total, desc=what, file=_Lines(), mininterval=10, ncols=100)  # type: ignore[arg-type]
