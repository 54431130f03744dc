"""Errors of denoisers of real classes are those of networks that are called by hand; and what they depend on."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.guiders import AdaptiveProjectedMixGuidance
from diffusers.models import modeling_utils
from diffusers.modular_pipelines import modular_pipeline

import tiny_models
from aedr.costs import Costs
from aedr.denoisers.measuring import Denoiser, DenoisingSettings, fixed_noise
from aedr.denoisers.probing import Questions, ask, find_map
from aedr.errors import UserError
from aedr.images.generation import generate_pictures
from aedr.images.pipelines import call_arguments, load_pipeline
from denoisers_by_hand import CPU, MODELS, SCHEDULERS, SD, error_by_hand, levels_of, replace
from tiny_generation import PIPELINES
from tiny_pipelines import NEW_PIPELINES, save_new_pipeline

# Networks of these sizes are too small for threads to help.
torch.set_num_threads(1)

NOISES = 2
# Float32 rounds to 1e-7; two noises are one batch, by hand each is alone, and their sums come in another order.
ROUNDING = 2e-5


@pytest.fixture
def no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it fail where diffusers warns of a changed type, or reports that a modular pipeline failed."""
    monkeypatch.setattr(modeling_utils.logger, "warning", pytest.fail)
    monkeypatch.setattr(modular_pipeline.logger, "error", pytest.fail)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @functools.cache
    def folder_of(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        MODELS[name].save(folder)
        return folder

    return folder_of


@pytest.fixture(scope="module")
def load(folder_of: Callable[[str], Path]) -> Callable[..., Denoiser]:
    @functools.cache
    def load(name: str, precision: str = "float32") -> Denoiser:
        model = MODELS[name]
        settings = {"pipeline": model.pipeline, "precision": precision}
        pipeline = load_pipeline(folder_of(name), name, settings, CPU)
        return Denoiser(pipeline, name, model.settings, Costs(CPU))

    return load


def latents_of(name: str, count: int) -> list[torch.Tensor]:
    drawn = torch.Generator().manual_seed(7)
    return [0.4 + 2 * torch.randn(MODELS[name].shape, generator=drawn) for _ in range(count)]


def measure(denoiser: Denoiser, latents: list[torch.Tensor], noises: int = NOISES) -> torch.Tensor:
    settings = DenoisingSettings(levels_of(denoiser.pipeline), noises, 0)
    return denoiser.errors(latents, MODELS[denoiser.model].factor, settings)


@contextmanager
def counted_rows(pipeline: Any) -> Iterator[list[int]]:
    """Collect how many rows the denoiser is asked about, call by call."""
    rows: list[int] = []

    def count(_: Any, arguments: Any, options: Any) -> None:
        latents, *_ = [*arguments, *options.values()]
        rows.append(len(latents))

    network = getattr(pipeline, "unet", None) or pipeline.transformer
    with network.register_forward_pre_hook(count, with_kwargs=True):
        yield rows


@pytest.mark.usefixtures("no_log")
@pytest.mark.parametrize("name", MODELS)
def test_errors_are_those_of_the_network_called_by_hand(name: str, load: Any) -> None:
    denoiser, model = load(name), MODELS[name]
    latents = latents_of(name, 2)
    assert type(denoiser.pipeline.scheduler).__name__ == SCHEDULERS.get(name, "FlowMatchEulerDiscreteScheduler")
    with counted_rows(denoiser.pipeline) as rows:
        found = measure(denoiser, latents)
    # Probes; the pipeline's own noise, two images and two levels for each of our noises. Guidance would ask twice.
    assert sum(rows) == 4 + NOISES * (1 + 2 * 2)
    with torch.inference_mode():
        expected = [
            [
                [
                    error_by_hand(model, denoiser.pipeline, of_image, fixed_noise(n, model.shape), at)
                    for n in range(NOISES)
                ]
                for at in range(2)
            ]
            for of_image in latents
        ]
    torch.testing.assert_close(found, torch.tensor(expected), rtol=ROUNDING, atol=0)
    # Every image, level and noise has another.
    assert len(set(found.flatten().tolist())) == found.numel()


@pytest.mark.parametrize("name", ["epsilon", "flux_dev", "qwen_image"])
def test_an_error_depends_on_no_other_image_and_on_no_earlier_run(name: str, load: Any) -> None:
    denoiser, latents = load(name), latents_of(name, 3)
    together = measure(denoiser, latents)
    assert torch.equal(measure(denoiser, latents[::-1]), together.flip(0))
    assert torch.equal(measure(denoiser, latents[1:2]), together[1:2])


@pytest.mark.usefixtures("no_log")
# The weights are rounded to 8 or 11 bits, and so is each layer's answer; an error sums that over all of an image.
@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.02), ("float16", 0.003)])
@pytest.mark.parametrize("name", ["epsilon", "sdxl", "sd3", "flux_dev", "flux2", "qwen_image", "z_image", "sana"])
def test_half_precision_only_rounds(name: str, precision: str, tolerance: float, load: Any) -> None:
    latents = latents_of(name, 1)
    half, whole = measure(load(name, precision), latents), measure(load(name), latents)
    assert not torch.equal(half, whole)
    torch.testing.assert_close(half, whole, rtol=tolerance, atol=0)


def picture_of(pipeline: Any, settings: dict[str, Any]) -> Any:
    arguments = call_arguments(pipeline, "model", {"steps": 2, "image_size": 64} | settings)
    return list(generate_pictures(pipeline, "model", ["a cat"], [5], arguments, 1, 64))[0]


# One that needs whole numbers of times, one whose autoencoder is upcast to decode, one that rounds latents.
@pytest.mark.parametrize(
    ("name", "precision"), [("epsilon", "float32"), ("sdxl", "float16"), ("qwen_image", "bfloat16")]
)
def test_a_pipeline_generates_afterwards_what_it_generated_before(
    name: str, precision: str, load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    denoiser = load(name, precision)
    pipeline, settings = denoiser.pipeline, MODELS[name].settings
    before = picture_of(pipeline, settings)
    parts = {part: (type(of), dict(vars(of))) for part, of in pipeline.components.items() if hasattr(of, "config")}
    expected = measure(denoiser, latents_of(name, 1))
    network = getattr(pipeline, "unet", None) or pipeline.transformer
    answers = [network.forward] * 3

    def failing(*arguments: Any, **options: Any) -> Any:
        if not answers:
            raise RuntimeError("broken in the middle")
        return answers.pop()(*arguments, **options)

    with monkeypatch.context() as broken, pytest.raises(RuntimeError, match="broken in the middle"):
        broken.setattr(network, "forward", failing)
        measure(denoiser, latents_of(name, 1))
    for part, (usual, members) in parts.items():
        of = pipeline.components[part]
        assert type(of) is usual and vars(of).keys() - {"forward"} == members.keys() - {"forward"}
    np.testing.assert_array_equal(picture_of(pipeline, settings), before)
    assert torch.equal(measure(denoiser, latents_of(name, 1)), expected)


@pytest.mark.usefixtures("no_log")
@pytest.mark.parametrize(
    "name", ["kd21", "Krea2Pipeline", "QwenImage21Pipeline", "HunyuanImagePipeline", "Flux3DistilledModularPipeline"]
)
def test_other_pipelines_are_asked_about_the_latents_that_their_decoders_take(name: str, tmp_path: Path) -> None:
    """Those that are not called by hand: their decoders get what is taken to their denoisers."""
    settings = {"pipeline": PIPELINES.get(name, name), "precision": "float32"}
    if name in NEW_PIPELINES:
        save_new_pipeline(name, tmp_path)
        settings |= NEW_PIPELINES[name][1]
    else:
        tiny_models.TINY_MODELS[name](tmp_path)
    pipeline = load_pipeline(tmp_path, name, settings, CPU)
    if hasattr(pipeline, "guider"):
        pipeline.guider = AdaptiveProjectedMixGuidance()
    denoiser = Denoiser(pipeline, name, settings, Costs(CPU))
    before = picture_of(pipeline, settings)

    def decoded(rows: Any) -> torch.Tensor:
        arguments = denoiser.arguments | {"height": 64, "width": 64}
        return torch.cat([ask(pipeline, arguments, put(row), 1) for row in rows])

    shape = decoded([None]).shape[1:]
    latents = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
    found = find_map(decoded, shape)
    torch.testing.assert_close(decoded(found.to_denoiser(latents)), latents, rtol=1e-5, atol=1e-5)
    with counted_rows(pipeline) as rows:
        errors = denoiser.errors(list(latents), 64 // shape[-1], DenoisingSettings(levels_of(pipeline), NOISES, 0))
    assert sum(rows) == 4 + NOISES * (1 + 2 * 2)
    assert errors.isfinite().all() and len(set(errors.flatten().tolist())) == 8
    np.testing.assert_array_equal(picture_of(pipeline, settings), before)


def put(latents: torch.Tensor | None) -> Questions:
    """Return the question in which a denoiser's latents go to the decoder; None are the pipeline's own."""
    return Questions(500.0, [], True, lambda _, like: like if latents is None else latents.view(like.shape), print)


def test_weights_are_offloaded_where_not_even_one_noise_fits(folder_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = load_pipeline(folder_of("epsilon"), "epsilon", {"pipeline": SD, "precision": "float32"}, CPU)
    denoiser = Denoiser(pipeline, "epsilon", {}, Costs(CPU))
    expected = measure(denoiser, latents_of("epsilon", 1))
    forward = pipeline.unet.forward

    def full(*arguments: Any, **options: Any) -> Any:
        if not getattr(pipeline, "_all_hooks", None):
            raise torch.OutOfMemoryError("full")
        return forward(*arguments, **options)

    monkeypatch.setattr(pipeline.unet, "forward", full)
    torch.testing.assert_close(measure(denoiser, latents_of("epsilon", 1)), expected, rtol=ROUNDING, atol=0)
    assert denoiser.costs.fallbacks == ["batches of 2", "batches of 1", "one component at a time on the GPU"]


def test_vq_diffusion_is_refused_by_name(tmp_path: Path) -> None:
    tiny_models.save_vq_diffusion(tmp_path)
    pipeline = load_pipeline(tmp_path, "vqdm", {"pipeline": "VQDiffusionPipeline", "precision": "float32"}, CPU)
    with pytest.raises(UserError, match="models.vqdm: a VQDiffusionPipeline takes no height and width"):
        Denoiser(pipeline, "vqdm", {}, Costs(CPU))


def test_a_scheduler_without_known_levels_is_refused_with_the_models_name(tmp_path: Path) -> None:
    tiny_models.save_stable_diffusion(tmp_path)
    replace(tmp_path, "scheduler", diffusers.EDMEulerScheduler())
    pipeline = load_pipeline(tmp_path, "edm", {"pipeline": SD, "precision": "float32"}, CPU)
    with pytest.raises(UserError, match="models.edm: a EDMEulerScheduler .* has no known noise levels"):
        Denoiser(pipeline, "edm", {}, Costs(CPU))
