"""Whether a picture depends on the others of its batch: on how long their prompts are, or on shared random numbers."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

# Two prompts of different lengths, which no tokenizer takes for equally long.
PROBES = ("a", "a " * 50)


class _Stop(Exception):
    """Ends a pipeline's call after its first step."""


def follows_prompt_lengths(pipeline: Any, arguments: Mapping[str, Any]) -> bool:
    """Return whether a longer prompt makes longer tensors anywhere in the pipeline's networks.

    If so, the longest prompt of a batch decides how all its rows are computed, and the last bits of their numbers
    depend on it. Both probes are stopped after one denoising step.
    """
    short, long = (_shapes(pipeline, prompt, arguments) for prompt in PROBES)
    return short != long


def _shapes(pipeline: Any, prompt: str, arguments: Mapping[str, Any]) -> list[torch.Size]:
    shapes: list[torch.Size] = []

    def note(network: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        shapes.extend(value.shape for value in inputs if isinstance(value, torch.Tensor))

    def stop(*given: Any, **options: Any) -> None:
        raise _Stop

    with contextlib.ExitStack() as restoring:
        restoring.callback(torch.nn.modules.module.register_module_forward_pre_hook(note).remove)
        for part in pipeline.components.values():
            if hasattr(part, "set_timesteps") and hasattr(part, "step"):
                part.step = stop
                restoring.callback(delattr, part, "step")
        # What else goes wrong here goes wrong again, and is reported, when pictures are made.
        with contextlib.suppress(Exception):
            pipeline(prompt=[prompt], generator=torch.Generator().manual_seed(0), **arguments)
    # Offloaded networks that were not reached again would stay on the GPU.
    with contextlib.suppress(Exception):
        pipeline.maybe_free_model_hooks()
    return shapes


@contextlib.contextmanager
def global_seed(seed: int, device: torch.device) -> Iterator[Callable[[], bool]]:
    """Seed torch's global random numbers, which some pipelines draw from despite their generators; restore them after.

    Yields a function that says whether any were drawn.
    """
    cuda = [device] if device.type == "cuda" else []

    def states() -> list[torch.Tensor]:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state(each) for each in cuda)]

    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        before = states()
        yield lambda: any(not torch.equal(old, new) for old, new in zip(before, states(), strict=True))
