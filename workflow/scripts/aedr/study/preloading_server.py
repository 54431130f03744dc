"""A Python that loads large libraries once and is forked for each job. Its standard input is the socket of requests.

It never runs anything itself but imports, so that no thread is there to be lost in a fork.
"""

import atexit
import fcntl
import gc
import importlib
import json
import os
import resource
import runpy
import select
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

# What is loaded for a script that imports a library, the quickest first.
LIBRARIES = {
    "numpy": ("numpy", "snakemake.iocontainers", "snakemake.logging", "tqdm"),
    "PIL": ("PIL.Image",),
    "pandas": ("pandas",),
    "pyarrow": ("pyarrow.parquet",),
    "cv2": ("cv2",),
    "scipy": ("scipy.stats",),
    "skimage": ("skimage.feature",),
    "matplotlib": ("matplotlib.pyplot",),
    "torch": ("torch",),
    "transformers": ("transformers",),
    "diffusers": ("diffusers.models.autoencoders",),
}
# diffusers takes a third longer to load if it finds these. Its autoencoders never use them, its pipelines do.
OF_PIPELINES = ("peft", "transformers")
# As in the client, which imports nothing of ours so that it begins quickly.
BEGUN = b"b"
# Seconds for a request to arrive whole.
PATIENCE = 10


@dataclass
class Request:
    """A job that waits to be begun. `processes` are the client and its parent, one of which Snakemake knows."""

    connection: socket.socket
    files: list[int]
    script: str
    folder: str
    environment: dict[str, str]
    processes: list[int]

    @property
    def name(self) -> str:
        """The script's own name: Snakemake runs NAME.py as a copy, tmpXXXXXXXX.NAME.py."""
        return Path(self.script).name.partition(".")[2]

    def close(self) -> None:
        self.connection.close()
        for file in self.files:
            os.close(file)


@dataclass
class Server:
    """What is loaded, which jobs wait and which run."""

    listener: socket.socket
    # Snakemake's end of it is closed when Snakemake ends, however that happens.
    control: socket.socket
    folder: Path
    # The names in `LIBRARIES` that each script imports.
    needs: dict[str, list[str]]
    # What the planned scripts need, in this order; loaded while nothing else is to be done.
    wanted: list[str]
    loaded: set[str] = field(default_factory=set)
    waiting: list[Request] = field(default_factory=list)
    # By a file that can be read when the fork has ended: its process id, and the connection of its client.
    forks: dict[int, tuple[int, socket.socket]] = field(default_factory=dict)

    def serve(self) -> None:
        """Fork for each request until Snakemake ends; then end what it left."""
        while True:
            busy = self.waiting or self.wanted
            files = [self.listener.fileno(), self.control.fileno(), *self.forks]
            ready, _, _ = select.select(files, [], [], 0 if busy else None)
            if self.control.fileno() in ready:
                break
            if self.listener.fileno() in ready:
                self.waiting += receive(self.listener)
            for fork in self.forks.keys() & set(ready):
                self.say_end(fork)
            for request in list(self.waiting):
                if self.is_refused(request):
                    self.waiting.remove(request)
                    self.forget(request.processes)
                    request.close()
                elif not self.missing(request):
                    self.waiting.remove(request)
                    self.fork(request)
            self.load_next()
        for child, _ in self.forks.values():
            os.kill(child, signal.SIGKILL)

    def is_refused(self, request: Request) -> bool:
        """Return whether a job would find another diffusers here than it expects, or is not one of the workflow's."""
        needs = self.needs.get(request.name)
        alone = "diffusers" in self.loaded and "transformers" not in self.loaded
        return needs is None or (alone and "transformers" in needs)

    def missing(self, request: Request) -> list[str]:
        """Return the libraries that a job imports and that are not loaded yet."""
        return [library for library in self.needs[request.name] if library not in self.loaded]

    def load_next(self) -> None:
        """Load one library, of those that a job waits for if there is one."""
        next_ones = [name for request in self.waiting for name in self.missing(request)] or self.wanted
        if not next_ones:
            return
        library = next_ones[0]
        if library == "diffusers" and "transformers" in self.wanted:
            library = "transformers"
        load(library, () if "transformers" in self.loaded else OF_PIPELINES)
        self.loaded.add(library)
        self.wanted = [name for name in self.wanted if name != library]

    def fork(self, request: Request) -> None:
        """Begin a job. Links named by the processes that Snakemake may know lead to the fork."""
        self.forget(request.processes)
        if (child := os.fork()) == 0:
            self.close_others()
            become(request, [self.folder / f"{process}.usage" for process in request.processes])
        for process in request.processes:
            (self.folder / f"{process}").symlink_to(f"{child}")
        self.forks[os.pidfd_open(child)] = (child, request.connection)
        for file in request.files:
            os.close(file)

    def forget(self, processes: Sequence[int]) -> None:
        """Remove what earlier processes of the same numbers left."""
        for process in processes:
            for name in (f"{process}", f"{process}.usage"):
                (self.folder / name).unlink(missing_ok=True)

    def close_others(self) -> None:
        """Close what a fork has of other jobs, whose ends would not be noticed otherwise."""
        for other in self.waiting:
            other.close()
        for file, (_, connection) in self.forks.items():
            os.close(file)
            connection.close()
        self.listener.close()
        self.control.close()

    def say_end(self, fork: int) -> None:
        """Tell the client of a fork that has ended how it ended. It knows already, unless the fork was killed."""
        child, connection = self.forks.pop(fork)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with connection, suppress(OSError):
            connection.send(bytes([code if code >= 0 else 128 - code]))
        os.close(fork)


def load(library: str, without: Sequence[str]) -> None:
    """Import a library's modules; if it is diffusers, as if the modules `without` were not installed."""
    hidden = [module for module in without if library == "diffusers" and module not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    for module in LIBRARIES[library]:
        # A job that needs it will say what is wrong with it.
        with suppress(Exception):
            importlib.import_module(module)
    for module in hidden:
        sys.modules.pop(module, None)
    gc.freeze()
    if len(os.listdir("/proc/self/task")) > 1:
        raise SystemExit(f"{library} starts threads, and a fork would lose them")


def receive(listener: socket.socket) -> list[Request]:
    """Return the request of the next connection, or nothing if it does not arrive."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    try:
        length, files, _, _ = socket.recv_fds(connection, 8, 3)
        data = connection.makefile("rb").read(int.from_bytes(length, "big"))
        return [Request(connection, files, *json.loads(data))]
    except (OSError, ValueError):
        connection.close()
        return []


def become(request: Request, usage: Sequence[Path]) -> NoReturn:
    """Become the job's process, and end with it; its exit code goes to the client, its usage to files."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        gc.enable()
        for target, file in enumerate(request.files):
            os.dup2(file, target)
            os.close(file)
        os.chdir(request.folder)
        os.environ.clear()
        os.environ.update(request.environment)
        Path("/proc/self/comm").write_text(request.name)
        end_with(request.connection)
        request.connection.send(BEGUN)
        code = run(request.script)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        say_usage(usage)
        request.connection.send(bytes([code]))
        os._exit(code)
    finally:
        os._exit(1)


def end_with(client: socket.socket) -> None:
    """Let the kernel kill this process when the client's end of the connection is closed, or end it if that was so."""
    client.settimeout(None)
    fcntl.fcntl(client, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(client, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(client, fcntl.F_SETFL, fcntl.fcntl(client, fcntl.F_GETFL) | os.O_ASYNC)
    with suppress(BlockingIOError):
        client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        os._exit(1)


def run(script: str) -> int:
    """Run a script as `python SCRIPT` does, and return its exit code."""
    sys.argv = [script]
    sys.path.insert(0, os.path.dirname(script))
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return (end.code or 0) & 255
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def say_usage(files: Sequence[Path]) -> None:
    """Write what this process and those that it waited for used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    usage = {
        "cpu_seconds": sum(one.ru_utime + one.ru_stime for one in used),
        "peak_bytes": max(one.ru_maxrss for one in used) * 1024,
    }
    for file in files:
        file.write_text(json.dumps(usage))


def main() -> None:
    # Snakemake, which gets a Ctrl-C too, decides when this ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Of what imports make, nothing is garbage, and looking for it takes an eighth of their time. Forks do look.
    gc.disable()
    # What lies beside this file is no library.
    del sys.path[0]
    with socket.socket(fileno=os.dup(0)) as listener, listener.accept()[0] as control:
        settings = json.loads(control.makefile().readline())
        folder = Path(settings["folder"])
        try:
            Server(listener, control, folder, settings["needs"], settings["wanted"]).serve()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
