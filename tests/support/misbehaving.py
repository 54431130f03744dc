"""What a reader of hostile files may do, for tests of what becomes of the others."""

import os
import signal
import time


def misbehave(data: bytes, answer: str) -> str:
    """Hang, crash or answer, as the data say."""
    if data == b"hang":
        time.sleep(60)
    if data == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    return answer
