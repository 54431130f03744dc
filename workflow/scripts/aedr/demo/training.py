"""What the trainings of the demo's models share: averaged weights and the schedule of the learning rate."""

from __future__ import annotations

import copy

import torch


class Average:
    """A running average of a module's weights, which varies less than the weights of the last step."""

    def __init__(self, module: torch.nn.Module, decay: float) -> None:
        self.module: torch.nn.Module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self, module: torch.nn.Module) -> None:
        """Move the average towards the module's weights; the first steps count less."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for average, current in zip(self.module.parameters(), module.parameters(), strict=True):
            average.lerp_(current, 1 - decay)
        for mean, value in zip(self.module.buffers(), module.buffers(), strict=True):
            mean.copy_(value)


def learning_rate_at(step: int, steps: int, warm_up: int) -> float:
    """Return the share of the full learning rate: a linear warm-up, then a linear decay to zero."""
    return min(1.0, (step + 1) / warm_up) * max(1e-3, 1 - step / steps)
