"""What a job's work on images cost: seconds, memory and device, stored in its table's metadata under `aedr.cost`."""

import contextlib
import json
import resource
import sys
import time
from collections.abc import Iterator

import torch


class Costs:
    """A job's stopwatch: create it before anything is loaded, then call `begin_work`, then `record`.

    `parts` holds the seconds of each named part of the work, summed over batches. They need not add up to the whole:
    reading and decoding images is not in any part.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.parts: dict[str, float] = {}
        self.fallbacks: list[str] = []
        self._began = time.perf_counter()
        self._loading_seconds = 0.0

    def begin_work(self) -> None:
        """Mark the end of loading and the start of the work on images."""
        now = self._finished()
        self._loading_seconds, self._began = now - self._began, now

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to the part `name`; on a GPU, wait until its work is done."""
        began = time.perf_counter()
        yield
        self.parts[name] = self.parts.get(name, 0.0) + self._finished() - began

    def fall_back(self, to: str) -> None:
        """Record and log that the GPU's memory ran out and what the job continues with."""
        self.fallbacks.append(to)
        print(f"Out of GPU memory, continuing with {to}", file=sys.stderr)

    def record(self, images: int) -> str:
        """Return the cost of the work on `images` images as JSON, for their table's metadata.

        Keys: `seconds` and `images` of the work; `loading_seconds` before it, for weights and imports;
        `peak_memory_bytes`, which is the process's resident set on the CPU and what torch allocated on a GPU; `device`,
        a GPU's name or cpu; `threads` of torch on the CPU; `parts` and `fallbacks`, if there are any.
        """
        gpu = self.device.type == "cuda"
        cost = {
            "seconds": self._finished() - self._began,
            "images": images,
            "loading_seconds": self._loading_seconds,
            "peak_memory_bytes": torch.cuda.max_memory_allocated(self.device) if gpu else _peak_resident_bytes(),
            "device": device_name(self.device),
            "threads": torch.get_num_threads(),
        }
        more = {"parts": self.parts, "fallbacks": self.fallbacks}
        return json.dumps(cost | {key: value for key, value in more.items() if value})

    def _finished(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def device_name(device: torch.device) -> str:
    """Return the name of a GPU, or cpu."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _peak_resident_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
