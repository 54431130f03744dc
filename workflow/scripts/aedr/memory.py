"""What is tried when a GPU's memory does not hold the work: smaller batches, then another place for the weights."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch

from aedr.costs import Costs

Item = TypeVar("Item")
Result = TypeVar("Result")


class FittingBatches:
    """Batches as large as memory has allowed so far: halved whenever it runs out, and never grown again."""

    def __init__(self, size: int, costs: Costs) -> None:
        self.size = size
        self._costs = costs

    def map(self, work: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item]) -> list[Result]:
        """Return what `work` gives for each of `items`, in their order.

        Raises:
            torch.OutOfMemoryError: one item alone does not fit.
        """
        results: list[Result] = []
        while len(results) < len(items):
            part = items[len(results) : len(results) + self.size]
            try:
                results.extend(work(part))
                continue
            except torch.OutOfMemoryError:
                if len(part) == 1:
                    raise
            # What the failed call held is given back only now that its frames are gone.
            torch.cuda.empty_cache()
            self.size = (len(part) + 1) // 2
            self._costs.fall_back(f"batches of {self.size}")
        return results


def on_cpu_if_too_large(network: Any, work: Callable[[], Result], what: str, costs: Costs) -> Result:
    """Return what `work` gives; where the GPU's memory runs out, what it gives with `network` on the CPU.

    The last resort, for one image that does not fit. The CPU is far slower, and rounds the last digits otherwise. Tiles
    would be faster, but an autoencoder's reconstruction of tiles is another one.
    """
    try:
        return work()
    except torch.OutOfMemoryError:
        pass
    torch.cuda.empty_cache()
    costs.fall_back(f"the CPU for {what}")
    network.to("cpu")
    try:
        return work()
    finally:
        network.to(costs.device)


def offload_more(pipeline: Any, device: torch.device) -> str | None:
    """Let a diffusers pipeline hold less on the GPU `device`: one component at a time, then one layer at a time.

    Returns:
        How it goes on, or None where nothing less is possible.
    """
    # VQ-Diffusion has no such order, and reads weights outside of any layer. Weights that are loaded layer by layer
    # already have no device of their own.
    if pipeline.model_cpu_offload_seq is None or pipeline.device.type == "meta":
        return None
    if not getattr(pipeline, "_all_hooks", None):
        pipeline.enable_model_cpu_offload(device=device)
        return "one component at a time on the GPU"
    pipeline.enable_sequential_cpu_offload(device=device)
    return "one layer at a time on the GPU"
