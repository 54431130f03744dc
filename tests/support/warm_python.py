"""A Python that has imported the large libraries already, so that a study of a hundred tiny jobs is affordable.

Nearly all the time of a tiny job goes into importing torch, diffusers and transformers. A server imports them once and
forks for each script. What runs as `python` in its place passes on its arguments, folder, environment and files.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Modules, and names in them that are imported only when they are asked for.
LIBRARIES = {
    "diffusers": [
        "AutoencoderKL",
        "FluxPipeline",
        "KandinskyCombinedPipeline",
        "KandinskyPriorPipeline",
        "StableDiffusion3Pipeline",
        "StableDiffusionPipeline",
        "StableDiffusionXLPipeline",
        "VQDiffusionPipeline",
    ],
    "huggingface_hub": ["HfApi", "snapshot_download"],
    "lpips": [],
    "open_clip": [],
    "pandas": [],
    "pyarrow.parquet": [],
    "scipy.stats": [],
    "skimage.feature": ["graycomatrix"],
    "transformers": ["AutoProcessor", "BlipForConditionalGeneration"],
}
CLIENT = """#!{python} -IS
import json, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(connection, [len(request).to_bytes(8, "big")], [0, 1, 2])
connection.sendall(request)
sys.exit((connection.recv(1) or bytes([1]))[0])
"""


@contextmanager
def warm_python() -> Iterator[Path]:
    """Yield a `python` that runs scripts and modules (-m). Its libraries see the environment of this moment."""
    with tempfile.TemporaryDirectory() as folder:
        client, address = Path(folder, "python"), f"{folder}/socket"
        client.write_text(CLIENT.format(python=sys.executable, address=address))
        client.chmod(client.stat().st_mode | stat.S_IXUSR)
        server = subprocess.Popen(
            [sys.executable, __file__, address, str(client)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            assert server.stdout and server.stdout.readline() == b"ready\n", "the warm Python did not start"
            yield client
        finally:
            server.kill()
            server.wait()


def serve(address: str, client: str) -> None:
    for module, names in LIBRARIES.items():
        for name in names:
            getattr(importlib.import_module(module), name)
        importlib.import_module(module)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(100)
    print("ready", flush=True)
    # The kernel reaps the children.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run(connection, client)
        connection.close()


def run(connection: socket.socket, client: str) -> None:
    """Become the process that was asked for, and end with its exit code."""
    length, files, _, _ = socket.recv_fds(connection, 8, 3)
    request = connection.makefile("rb").read(int.from_bytes(length, "big"))
    arguments, folder, environment = json.loads(request)
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.executable = client
    code: object = 1
    try:
        if arguments[0] == "-m":
            sys.path[0], sys.argv = folder, arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.path[0], sys.argv = os.path.dirname(arguments[0]), arguments
            runpy.run_path(arguments[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.send(bytes([code if isinstance(code, int) else 1]))
        os._exit(0)


if __name__ == "__main__":
    serve(*sys.argv[1:])
