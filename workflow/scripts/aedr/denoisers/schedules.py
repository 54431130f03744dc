"""Noise levels of diffusion models: how a scheduler mixes latents with noise, and what it expects to be predicted.

A level is the ratio of noise to signal: latents are mixed as signal x latents + noise x N(0, 1), and the level is noise
/ signal (sigma in Karras et al., arXiv 2206.00364). So one level means the same for schedulers that keep the variance
and for those of flow matching.
"""

from dataclasses import dataclass
from typing import Any

import torch

from aedr.errors import UserError

FLOW, NOISE, VELOCITY, LATENTS = "flow", "epsilon", "v_prediction", "sample"


@dataclass(frozen=True)
class Mixture:
    """Latents and noise, mixed: `signal` x latents + `noise` x N(0, 1), at a scheduler's own `time`.

    `predicted` says what the denoiser is asked for: the noise (`epsilon`), the velocity (`v_prediction` or `flow`), or
    the latents (`sample`).
    """

    time: float
    signal: float
    noise: float
    predicted: str

    def mix(self, latents: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Return the mixture, of the arguments' shape."""
        return self.signal * latents + self.noise * noise

    def error(self, predicted: torch.Tensor, latents: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Return the mean square error of the noise, one for each row, whatever it is that was predicted.

        The error of a velocity is that of the noise times a number that only the level decides: noise = signal x
        velocity + noise x mixture (Salimans and Ho, arXiv 2202.00512, appendix D), and for flow matching noise =
        mixture + signal x velocity.
        """
        target, share = {
            NOISE: (noise, 1.0),
            VELOCITY: (self.signal * noise - self.noise * latents, self.signal),
            FLOW: (noise - latents, self.signal),
            LATENTS: (latents, self.signal / self.noise),
        }[self.predicted]
        return share**2 * (predicted - target).square().flatten(1).mean(1)


def mixture_at(scheduler: Any, level: float) -> Mixture:
    """Return the mixture of a diffusers scheduler at a level, or at the nearest one that it has.

    Raises:
        UserError: the scheduler is neither one of flow matching nor one that keeps the variance.
    """
    config = scheduler.config
    predicted = config.get("prediction_type", NOISE)
    steps = config.get("num_train_timesteps", 1000)
    if "FlowMatch" in type(scheduler).__name__ or config.get("use_flow_sigmas") or predicted == "flow_prediction":
        share = level / (1 + level)
        return Mixture(share * steps, 1 - share, share, FLOW)
    kept = getattr(scheduler, "alphas_cumprod", None)
    if kept is None or predicted not in (NOISE, VELOCITY, LATENTS):
        raise UserError(
            f"a {type(scheduler).__name__} that predicts '{predicted}' has no known noise levels. Expected flow "
            "matching, or a scheduler with alphas_cumprod that predicts epsilon, v_prediction or sample. Leave the "
            "model out of second_stage.models"
        )
    # A schedule that ends in pure noise has no level there.
    levels = torch.sqrt((1 - kept.double()) / kept.double().clamp(min=1e-12))
    time = int((levels.log() - torch.tensor(level, dtype=torch.float64).log()).abs().argmin())
    signal = float(kept[time].double().sqrt())
    return Mixture(time, signal, float((1 - kept[time].double()).sqrt()), predicted)
