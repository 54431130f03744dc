"""Work on hostile bytes in a process of its own: if it hangs or crashes, the job goes on with the next bytes."""

import json
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from aedr.claims.claims import UnreadableClaim

# The start method that copies nothing of the job's own process, such as its threads' locks.
CONTEXT = multiprocessing.get_context("spawn")


class Apart:
    """A function of bytes that is called in another process, which is started again after it was lost.

    `function` is found there by its name, and gets `settings` too; what it returns must be representable in JSON.
    """

    def __init__(self, function: Callable[..., Any], seconds: float, **settings: Any) -> None:
        self._seconds, self._work = seconds, (function, settings)
        self._process: multiprocessing.process.BaseProcess | None = None

    def __call__(self, data: bytes) -> Any:
        """Return the function's result.

        Raises:
            UnreadableClaim: it took longer than `seconds`, or its process ended.
            RuntimeError: the process did not start.
        """
        if self._process is None:
            self._start()
        try:
            self._connection.send_bytes(data)
            if not self._connection.poll(self._seconds):
                raise UnreadableClaim(f"reading took longer than {self._seconds:g} s")
            return json.loads(self._connection.recv_bytes())
        except (OSError, EOFError):
            self.close()
            raise UnreadableClaim("reading ended the process that read") from None
        except UnreadableClaim:
            self.close()
            raise

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        self._connection, other = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_serve, args=(other, *self._work), daemon=True)
        self._process.start()
        other.close()
        try:
            self._connection.recv_bytes()
        except EOFError:
            raise RuntimeError("the process that reads claims did not start") from None


def _serve(connection: Connection, function: Callable[..., Any], settings: dict[str, Any]) -> None:
    connection.send_bytes(b"ready")
    while True:
        try:
            data = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(json.dumps(function(data, **settings)).encode())
