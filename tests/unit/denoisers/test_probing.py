"""What a pipeline is asked: how it carries latents, what it is left as, what is refused, and memory that runs out."""

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from aedr.costs import Costs
from aedr.denoisers.measuring import Denoiser, DenoisingSettings, fixed_noise
from aedr.denoisers.probing import find_map
from aedr.errors import UnusableImage, UserError
from aedr.images.pipelines import unguided_arguments
from plain_pipeline import SIDE, Change, PlainPipeline

CPU = torch.device("cpu")
SETTINGS = DenoisingSettings((0.5, 2.0), 3, 0)


def latents_of(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def asked(pipeline: PlainPipeline, settings: DenoisingSettings = SETTINGS) -> tuple[torch.Tensor, list[str]]:
    costs = Costs(CPU)
    found = Denoiser(pipeline, "plain", {}, costs).errors(list(latents_of(2, 3, 8, 12)), SIDE, settings)
    return found, costs.fallbacks


@pytest.mark.parametrize("shape", [(4, 5, 7), (16, 1, 6, 10), (16, 48, 64)])
def test_places_scales_and_shifts_are_found(shape: tuple[int, ...]) -> None:
    drawn = torch.Generator().manual_seed(0)
    count = math.prod(shape)
    order = torch.randperm(count, generator=drawn)
    scale = torch.randn(shape, generator=drawn).sign() * (0.05 + 9 * torch.rand(shape, generator=drawn))
    shift = 5 * torch.randn(shape, generator=drawn)

    def carry(rows: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack(list(rows))[:, order].view(-1, *shape) * scale + shift

    found = find_map(carry, shape)
    latents = latents_of(2, *shape)
    torch.testing.assert_close(carry(list(found.to_denoiser(latents))), latents, rtol=0, atol=2e-5)
    # Noise goes to the same places, and is neither scaled nor shifted.
    assert torch.equal(found.to_places(latents)[:, order], latents.flatten(1))


def mixing(latents: torch.Tensor) -> torch.Tensor:
    return latents + 0.1 * latents.flip(-1)


def averaging(latents: torch.Tensor) -> torch.Tensor:
    return latents.mean(1, keepdim=True).expand_as(latents)


@pytest.mark.parametrize("carry", [torch.tanh, torch.square, torch.zeros_like, mixing, averaging])
def test_latents_that_are_changed_in_another_way_are_refused_by_name(carry: Change) -> None:
    with pytest.raises(
        UserError, match="^models.plain: its pipeline changes latents on their way from .* by more than"
    ):
        asked(PlainPipeline(carry=carry))


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (PlainPipeline(multiple=8 * SIDE), "^it denoises 192 latents instead of 288$"),
        (
            PlainPipeline(carry=lambda latents: latents.transpose(-1, -2)),
            r"shape \(3, 12, 8\) instead of \(3, 8, 12\)$",
        ),
    ],
)
def test_a_size_that_the_pipeline_changes_is_no_error_of_the_user(pipeline: PlainPipeline, message: str) -> None:
    with pytest.raises(UnusableImage, match=message):
        asked(pipeline)


def test_a_pipeline_that_reads_sigmas_is_refused_by_name() -> None:
    pipeline = PlainPipeline()
    pipeline.denoise = lambda latents: latents * pipeline.scheduler.sigmas[0]
    with pytest.raises(UserError, match="^models.plain: its pipeline tells its denoiser the sigmas of its scheduler"):
        asked(pipeline)


def test_a_pipeline_without_sizes_is_refused_by_name() -> None:
    class Sizeless(PlainPipeline):
        def __call__(self, prompt: Sequence[str], generator: object) -> None:  # type: ignore[override]
            pass

    with pytest.raises(UserError, match="^models.plain: a Sizeless takes no height and width.*Leave the model out"):
        Denoiser(Sizeless(), "plain", {}, Costs(CPU))


@pytest.mark.parametrize(
    ("config", "on_above", "expected"),
    [
        ({}, 1.0, 1.0),
        # Z-Image and Krea 2 add the scale times a difference.
        ({}, 0.0, 0.0),
        ({"guidance_embeds": False}, 1.0, 1.0),
        # Distilled, as FLUX.1-dev and latent consistency models: the scale is an input.
        ({"guidance_embeds": True}, 1.0, 7.0),
        ({"time_cond_proj_dim": 256}, 1.0, 7.0),
    ],
)
def test_guidance_is_switched_off_unless_it_is_an_input(config: Any, on_above: float, expected: float) -> None:
    class Guided(PlainPipeline):
        unet = SimpleNamespace(config=config)
        do_classifier_free_guidance = property(lambda self: self._guidance_scale > on_above)

        def __call__(self, prompt: Any, generator: Any, height: int, width: int, guidance_scale: float = 3.0) -> None:
            pass

    arguments = {"guidance_scale": 9.0, "height": 8}
    settings = {"guidance": 7.0, "arguments": arguments}
    assert unguided_arguments(Guided(), "plain", settings) == {"guidance_scale": expected}


def test_errors_are_those_of_the_formula() -> None:
    pipeline = PlainPipeline(carry=lambda latents: 5 * latents - 1)
    kept = pipeline.scheduler.alphas_cumprod
    settings = DenoisingSettings((float(((1 - kept[400]) / kept[400]) ** 0.5),), 2, 0)
    found, _ = asked(pipeline, settings)
    for image, latents in enumerate(latents_of(2, 3, 8, 12)):
        for number in range(2):
            noise = fixed_noise(number, (3, 8, 12))
            mixed = kept[400] ** 0.5 * (latents + 1) / 5 + (1 - kept[400]) ** 0.5 * noise
            torch.testing.assert_close(found[image, 0, number], (0.3 * mixed - noise).square().mean())


def test_a_variance_that_is_predicted_too_is_left_out() -> None:
    expected, _ = asked(PlainPipeline())
    found, _ = asked(PlainPipeline(lambda latents: torch.cat([0.3 * latents, latents], dim=1)))
    assert torch.equal(found, expected)


def full_beyond(rows: int, failures: int = 10**9) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a denoiser for which memory runs out on more than `rows`, that often."""
    left = [failures]

    def denoise(latents: torch.Tensor) -> torch.Tensor:
        if len(latents) > rows and left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("full")
        return 0.3 * latents

    return denoise


def test_noises_that_do_not_fit_together_are_asked_about_in_smaller_batches() -> None:
    expected, nothing = asked(PlainPipeline())
    pipeline = PlainPipeline(full_beyond(2))
    found, fallbacks = asked(pipeline)
    torch.testing.assert_close(found, expected)
    assert (nothing, fallbacks) == ([], ["batches of 2"])
    # Four probes and three noises, in the size that was found to fit; each after the pipeline's own noise.
    assert pipeline.rows == [4] + [2] + [2] + [2] * 5 + [1] * 5


def test_a_batch_that_once_did_not_fit_is_not_tried_again() -> None:
    costs = Costs(CPU)
    denoiser = Denoiser(PlainPipeline(full_beyond(1)), "plain", {}, costs)
    for _ in range(2):
        denoiser.errors(list(latents_of(1, 3, 8, 12)), SIDE, SETTINGS)
    assert costs.fallbacks == ["batches of 2", "batches of 1"]


def test_a_denoiser_that_never_fits_is_named() -> None:
    with pytest.raises(
        UserError, match="^models.plain: its denoiser does not fit into the GPU's memory with one image"
    ):
        asked(PlainPipeline(full_beyond(0)))


def test_noise_is_the_same_for_every_study() -> None:
    first, second = (fixed_noise(number, (4, 4, 5)) for number in range(2))
    assert torch.equal(first, fixed_noise(0, (4, 4, 5))) and abs(float((first * second).mean())) < 0.4
    # A calibration that was measured with other noise would not hold.
    torch.testing.assert_close(first[0, 0, :3], torch.tensor([-1.848943, 1.630022, -0.227370]), atol=1e-5, rtol=0)
