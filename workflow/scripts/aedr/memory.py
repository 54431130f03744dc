"""What to do when a GPU's memory is too small for the work: smaller batches, then another place for the weights."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch

from aedr.costs import Costs

Item = TypeVar("Item")
Result = TypeVar("Result")


class FittingBatches:
    """Batches that are halved whenever memory runs out, and never grow again."""

    def __init__(self, size: int, costs: Costs) -> None:
        self.size = size
        self._costs = costs

    def map(self, work: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item]) -> list[Result]:
        """Return the result of `work` for each of `items`, in their order.

        Raises:
            torch.OutOfMemoryError: a single item does not fit.
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
            # Memory that the failed call held can be freed only now that its frames are gone.
            torch.cuda.empty_cache()
            self.size = (len(part) + 1) // 2
            self._costs.fall_back(f"batches of {self.size}")
        return results


def on_cpu_if_too_large(network: Any, work: Callable[[], Result], what: str, costs: Costs) -> Result:
    """Return the result of `work`; if the GPU's memory runs out, its result with `network` on the CPU.

    This is the last resort, for a single image that does not fit. The CPU is far slower and rounds the last digits
    differently. Tiles would be faster, but an autoencoder reconstructs tiles differently from the whole image.
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
    """Make a diffusers pipeline hold less on the GPU `device`: one component at a time, then one layer at a time.

    Returns:
        What the pipeline continues with, or None if it cannot hold less.
    """
    # Modular pipelines and VQ-Diffusion have no order for offloading, and VQ-Diffusion reads weights outside of any
    # layer. Weights that are already loaded layer by layer have no device of their own.
    if getattr(pipeline, "model_cpu_offload_seq", None) is None or pipeline.device.type == "meta":
        return None
    if not getattr(pipeline, "_all_hooks", None):
        pipeline.enable_model_cpu_offload(device=device)
        return "one component at a time on the GPU"
    pipeline.enable_sequential_cpu_offload(device=device)
    return "one layer at a time on the GPU"
