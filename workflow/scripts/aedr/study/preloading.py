"""A Python that loads the large libraries once, started by Snakemake's process for its jobs on the same machine."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aedr.study.code import SCRIPTS, imported_files, imported_names
from aedr.study.preloading_server import LIBRARIES

CLIENT, SERVER = (Path(__file__).with_name(f"preloading_{name}.py") for name in ("client", "server"))
# What libraries look up when they are loaded: jobs have one thread each, and pyarrow's allocator must start none.
WITHOUT_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
WITHOUT_THREADS |= {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
# Seconds until a server that should end is killed.
PATIENCE = 5


@dataclass(frozen=True)
class Preloading:
    """A running server. `folder` holds its socket and, for each job, which process does the work."""

    folder: Path
    process: subprocess.Popen[bytes]
    control: socket.socket

    @property
    def prefix(self) -> str:
        """What a shell command that runs a script begins with, so that the script runs in a fork of the server."""
        # The interpreter itself, not a venv's, begins the quickest, and needs no library.
        command = [os.path.realpath("/proc/self/exe"), "-IS", str(CLIENT), str(self.folder / "socket")]
        return shlex.join(command)

    def fork_of(self, process: int) -> int | None:
        """Return the process id of the fork that works for a job, by the process that Snakemake started for it."""
        with suppress(OSError):
            return int(os.readlink(self.folder / f"{process}"))
        return None

    def usage_of(self, process: int) -> dict[str, float] | None:
        """Return the CPU seconds and peak memory (bytes) of a job that has ended by itself."""
        with suppress(OSError):
            usage: dict[str, float] = json.loads((self.folder / f"{process}.usage").read_text())
            return usage
        return None

    def stop(self) -> None:
        """End the server, and jobs that are left."""
        self.control.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_preloading(scripts: Iterable[str], planned: Iterable[str]) -> Preloading | None:
    """Start a server, or return None where none can be started.

    Args:
        scripts: names of the files of scripts that may run. Those of other workflows, not in our folder, are ignored.
        planned: those of them that will run.
    """
    needs = {script: libraries_of(script) for script in scripts if (SCRIPTS / script).is_file()}
    wanted = {library for script in planned for library in needs.get(script, [])}
    folder = Path(tempfile.mkdtemp(prefix="aedr-"))
    with socket.socket(socket.AF_UNIX) as listener, suppress(OSError):
        # How the server notices that a fork has ended; some containers forbid it.
        os.close(os.pidfd_open(os.getpid()))
        listener.bind(str(folder / "socket"))
        listener.listen(1000)
        control = socket.socket(socket.AF_UNIX)
        control.connect(str(folder / "socket"))
        process = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=listener.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | WITHOUT_THREADS,
        )
        settings = {"folder": str(folder), "needs": needs, "wanted": [name for name in LIBRARIES if name in wanted]}
        control.sendall(json.dumps(settings).encode() + b"\n")
        return Preloading(folder, process, control)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def libraries_of(script: str) -> list[str]:
    """Return which of `LIBRARIES` a script imports, itself or by modules of `aedr`."""
    files = imported_files([SCRIPTS / script], SCRIPTS)
    imported = {name.partition(".")[0] for file in files for name in imported_names(file, SCRIPTS)}
    return [library for library in LIBRARIES if library in imported]
