"""Noise levels: latents are mixed as schedulers of diffusers do, and an error is that of the noise."""

from typing import Any

import diffusers
import pytest
import torch

from aedr.denoisers.schedules import FLOW, LATENTS, NOISE, VELOCITY, Mixture, mixture_at
from aedr.errors import UserError

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
LATENT, DRAWN = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)).split(1)


def kept(scheduler: Any, time: int) -> float:
    return float(((1 - scheduler.alphas_cumprod[time]) / scheduler.alphas_cumprod[time]) ** 0.5)


@pytest.mark.parametrize(
    "kind",
    ["DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "UniPCMultistepScheduler", "DPMSolverMultistepScheduler"]
    + ["EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler", "HeunDiscreteScheduler"],
)
def test_a_level_is_mixed_as_the_scheduler_mixes_it(kind: str) -> None:
    scheduler = getattr(diffusers, kind)(**BETAS)
    mixture = mixture_at(scheduler, kept(scheduler, 300) * 1.001)
    assert mixture.time == 300 and mixture.predicted == NOISE
    scheduler.set_timesteps(1000)
    # Those with intermediate steps have times in between.
    time = scheduler.timesteps[(scheduler.timesteps - 300).abs().argmin()][None]
    assert abs(time.item() - 300) <= 1
    mixed = scheduler.add_noise(LATENT, DRAWN, time)
    if hasattr(scheduler, "scale_model_input") and not kind.startswith(("DDIM", "DDPM", "PNDM", "UniPC", "DPMSolver")):
        mixed = scheduler.scale_model_input(mixed, time[0])
    torch.testing.assert_close(mixture.mix(LATENT, DRAWN), mixed, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_a_level_of_flow_matching_does_not_depend_on_the_shift_of_steps(shift: float) -> None:
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(20)
    for time in scheduler.timesteps[1::6]:
        share = float(time) / 1000
        mixture = mixture_at(scheduler, share / (1 - share))
        assert mixture.time == pytest.approx(float(time), rel=1e-5) and mixture.predicted == FLOW
        torch.testing.assert_close(mixture.mix(LATENT, DRAWN), scheduler.scale_noise(LATENT, time[None], DRAWN))


def test_solvers_of_flow_matching_are_known_by_what_is_predicted() -> None:
    solver = diffusers.DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3
    )
    assert mixture_at(solver, 0.25) == mixture_at(diffusers.FlowMatchEulerDiscreteScheduler(), 0.25)
    assert mixture_at(solver, 0.25) == Mixture(200.0, 0.8, 0.2, FLOW)


def test_a_schedule_that_ends_in_pure_noise_has_every_level_before() -> None:
    scheduler = diffusers.DDIMScheduler(**BETAS, prediction_type="v_prediction", rescale_betas_zero_snr=True)
    assert scheduler.alphas_cumprod[-1] == 0
    for time in (0, 500, 998):
        mixture = mixture_at(scheduler, kept(scheduler, time))
        assert mixture.time == time and mixture.predicted == VELOCITY
        assert mixture.signal**2 + mixture.noise**2 == pytest.approx(1)
    assert mixture_at(scheduler, 0.0001).time == 0


@pytest.mark.parametrize("predicted", [NOISE, VELOCITY, FLOW, LATENTS])
def test_an_error_is_that_of_the_noise_whatever_is_predicted(predicted: str) -> None:
    mixture = Mixture(1.0, 0.75, 0.25, FLOW) if predicted == FLOW else Mixture(1.0, 0.8, 0.6, predicted)
    latents, noise, wrong = torch.randn(3, 2, 50, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    said = noise + wrong
    cleaned = (mixture.mix(latents, noise) - mixture.noise * said) / mixture.signal
    answers = {
        NOISE: said,
        LATENTS: cleaned,
        VELOCITY: mixture.signal * said - mixture.noise * cleaned,
        FLOW: said - cleaned,
    }
    found = mixture.error(answers[predicted], latents, noise)
    torch.testing.assert_close(found, wrong.square().mean(1))


@pytest.mark.parametrize(
    ("scheduler", "named"),
    [
        (diffusers.EDMEulerScheduler(), "EDMEulerScheduler that predicts 'epsilon'"),
        (diffusers.EDMDPMSolverMultistepScheduler(), "EDMDPMSolverMultistepScheduler"),
        (diffusers.SCMScheduler(), "SCMScheduler that predicts 'trigflow'"),
        (diffusers.EulerDiscreteScheduler(prediction_type="sample"), None),
        (diffusers.VQDiffusionScheduler(num_vec_classes=17), "VQDiffusionScheduler"),
    ],
)
def test_a_scheduler_of_another_kind_is_refused_by_name(scheduler: Any, named: str | None) -> None:
    if named is None:
        assert mixture_at(scheduler, 1).predicted == LATENTS
        return
    with pytest.raises(UserError, match=f"a {named}.* has no known noise levels. Expected flow matching"):
        mixture_at(scheduler, 1)
