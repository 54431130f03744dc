"""Run a script in a fork of a Python that has its libraries loaded, or else as it is: ADDRESS PYTHON SCRIPT.

Snakemake sees this process as the job: it ends as the job ends, and if it is killed, so is the job.
"""

import json
import os
import signal
import socket
import sys
from typing import NoReturn

BEGUN = b"b"
# Seconds until a job that could not begin is run as if nothing were loaded.
PATIENCE = 300


def main(address: str, *command: str) -> NoReturn:
    """Run the command; nothing of it has happened yet if the server refuses it or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = ask(address, command[1]) if is_job(command) else None
    if code is None:
        os.execvp(command[0], command)
    if code > 128:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), code - 128)
    sys.exit(code)


def is_job(command: tuple[str, ...]) -> bool:
    """Return whether a command is a job's script with one thread, for which the server's libraries were loaded."""
    one_thread = os.environ.get("OMP_NUM_THREADS") == "1"
    return len(command) == 2 and "/.snakemake/scripts/" in command[1] and command[1].endswith(".py") and one_thread


def ask(address: str, script: str) -> int | None:
    """Return the script's exit code, or None if it was not begun."""
    processes = [os.getpid(), os.getppid()]
    request = json.dumps([script, os.getcwd(), dict(os.environ), processes]).encode()
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    try:
        connection.connect(address)
        socket.send_fds(connection, [len(request).to_bytes(8, "big")], [0, 1, 2])
        connection.sendall(request)
        if connection.recv(1) != BEGUN:
            return None
    except OSError:
        return None
    # Ctrl-C reaches the fork too, whose end is waited for.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection.settimeout(None)
    try:
        answer = connection.recv(1)
    except OSError:
        answer = b""
    return answer[0] if answer else 128 + signal.SIGKILL


if __name__ == "__main__":
    main(*sys.argv[1:])
