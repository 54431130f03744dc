"""Text-to-image generation with any diffusers pipeline: one seeded picture for each prompt, or the reason for none.

A picture depends on its model, its prompt and its seed; batches, shards and their order leave no trace in it.
"""

import contextlib
import difflib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers

from aedr.costs import Costs, device_name
from aedr.errors import UserError
from aedr.images.pictures import Pixels
from aedr.memory import offload_more
from aedr.weights.repair import how_to_repair

FLAGGED = "flagged by the safety checker"
BLACK = "black picture"

# Their samplers draw a class for every latent pixel: a difference in the last bit, as batching makes one, can pick
# another class and so another picture. They also draw on the model's own device, from a single generator.
DISCRETE_SCHEDULERS = ("AmusedScheduler", "VQDiffusionScheduler")

# Settings that change how fast a picture is made and in how much memory, but not the picture.
COST_SETTINGS = ("attention_slicing", "batch_size", "offload")


def load_pipeline(
    folder: str | Path, model: str, settings: Mapping[str, Any], device: torch.device, costs: Costs | None = None
) -> Any:
    """Load the text-to-image pipeline of `model` from a local folder in diffusers' layout, ready to run on `device`.

    Weights that do not fit into the GPU's memory are offloaded, as with `offload`.

    Args:
        folder: holds `model_index.json`; a pipeline with a prior (Kandinsky) has it in the subfolder `prior`.
        model: the model's id, for messages.
        settings: `pipeline` (diffusers class name), `precision`, and where set `variant`, `trusted_pickle`,
            `attention_slicing`, `offload`.

    Raises:
        UserError: no such class, files missing or damaged, or not enough memory.
    """
    folder = Path(folder)
    name = settings["pipeline"]
    if not (folder / "model_index.json").is_file():
        raise UserError(
            f"models.{model}: {folder} holds no model_index.json. A complete diffusers model was expected there. "
            f"{how_to_repair(folder)}"
        )
    loading = {
        "dtype": getattr(torch, settings["precision"]),
        "variant": settings.get("variant"),
        # None lets diffusers fall back on pickled weights where there are no others.
        "use_safetensors": None if settings.get("trusted_pickle") else True,
        "local_files_only": True,
    }
    try:
        pipeline = _load(folder, _pipeline_class(name, model), loading)
        if name not in (type(pipeline).__name__, "AutoPipelineForText2Image"):
            raise UserError(
                f"models.{model}: {folder} holds a {type(pipeline).__name__}, not a {name}. "
                "Name that class, or AutoPipelineForText2Image, under `pipeline`."
            )
        pipeline.set_progress_bar_config(disable=True)
        if settings.get("attention_slicing"):
            pipeline.enable_attention_slicing()
        offloaded = settings.get("offload") and device.type == "cuda" and offload_more(pipeline, device)
        if not offloaded:
            _put(pipeline, model, device, costs or Costs(device))
    except UserError:
        raise
    # diffusers and transformers raise almost anything on a model that is incomplete or of another kind.
    except Exception as error:
        raise UserError(
            f"models.{model}: {folder} cannot be loaded as {name}: {type(error).__name__}: {error}. "
            "Expected a complete diffusers model with safetensors weights (pickled ones need `trusted_pickle: true`): "
            f"check `pipeline`, `variant` and `environment`. {how_to_repair(folder)}"
        ) from error
    return pipeline


def _pipeline_class(name: str, model: str) -> Any:
    pipeline = getattr(diffusers, name, None)
    if pipeline is None:
        similar = difflib.get_close_matches(name, [entry for entry in dir(diffusers) if "Pipeline" in entry], n=3)
        hint = f" Similar: {', '.join(similar)}." if similar else ""
        raise UserError(
            f"models.{model}: diffusers {diffusers.__version__} has no class {name}. `pipeline` must name one of its "
            f"text-to-image pipelines.{hint} A class of another version needs an `environment` with that version."
        )
    return pipeline


def _put(pipeline: Any, model: str, device: torch.device, costs: Costs) -> None:
    with contextlib.suppress(torch.OutOfMemoryError):
        pipeline.to(device)
        return
    how = offload_more(pipeline, device)
    if how is None:
        raise UserError(
            f"models.{model}: the weights do not fit into the GPU's memory, and a {type(pipeline).__name__} cannot be "
            "offloaded. Set a `precision` of 16 bits, or take a larger GPU."
        )
    costs.fall_back(how)


def _load(folder: Path, pipeline: Any, loading: Mapping[str, Any]) -> Any:
    if (folder / "prior" / "model_index.json").is_file():
        prior = diffusers.DiffusionPipeline.from_pretrained(folder / "prior", **loading)
        decoder = diffusers.DiffusionPipeline.from_pretrained(folder, **loading)
        parts = {f"prior_{part}": component for part, component in prior.components.items()}
        return diffusers.AutoPipelineForText2Image.from_pipe(decoder, **parts)
    parameters = inspect.signature(pipeline.__init__).parameters
    # A component that was saved as absent, such as SD3's T5 encoder, has to be named as absent again.
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    extra: dict[str, Any] = {name: None for name in parameters if index.get(name) == [None, None]}
    if "learned_classifier_free_sampling_embeddings" in parameters:
        # A model's index looks for this class in diffusers itself, that of the published model in a module
        # `vq_diffusion`; diffusers offers it in neither place.
        library: Any = diffusers
        library.pipelines.vq_diffusion = module = sys.modules[pipeline.__module__]
        library.LearnedClassifierFreeSamplingEmbeddings = module.LearnedClassifierFreeSamplingEmbeddings
    if "add_watermarker" in parameters:
        # SDXL's invisible watermark, drawn only where a further package is installed, would change the decoded pixels.
        extra["add_watermarker"] = False
    return pipeline.from_pretrained(folder, **loading, **extra)


def call_arguments(pipeline: Any, model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of the pipeline's call that follow from the model's settings.

    `steps`, `guidance`, `image_size` and `negative_prompt` are passed under diffusers' names where they are set;
    `arguments` holds further ones under the pipeline's own names.

    Raises:
        UserError: the pipeline does not take one of them, or cannot be seeded.
    """
    accepted = inspect.signature(pipeline.__call__).parameters
    chosen = {
        "num_inference_steps": settings.get("steps"),
        "guidance_scale": settings.get("guidance"),
        "negative_prompt": settings.get("negative_prompt"),
    }
    arguments = {name: value for name, value in chosen.items() if value is not None}
    # A pipeline without these (VQ-Diffusion) has one size; generate_pictures compares it with image_size.
    if settings.get("image_size") is not None and {"height", "width"} <= set(accepted):
        arguments |= {"height": settings["image_size"], "width": settings["image_size"]}
    arguments |= settings.get("arguments") or {}
    keys = {"num_inference_steps": "steps", "guidance_scale": "guidance", "negative_prompt": "negative_prompt"}
    for name in arguments:
        if name not in accepted:
            raise UserError(
                f"models.{model}: {type(pipeline).__name__} takes no {name}: remove "
                f"`{keys.get(name, f'arguments: {name}')}` (set it to null). It takes: {', '.join(accepted)}."
            )
    if not {"prompt", "generator"} <= set(accepted):
        raise UserError(
            f"models.{model}: {type(pipeline).__name__} takes no prompt or no generator, so it cannot generate seeded "
            "pictures from text. `pipeline` must name a text-to-image pipeline."
        )
    return arguments


def generate_pictures(
    pipeline: Any,
    model: str,
    prompts: Sequence[str],
    seeds: Sequence[int],
    arguments: Mapping[str, Any],
    batch_size: int = 1,
    image_size: int | None = None,
    costs: Costs | None = None,
) -> Iterator[Pixels | str]:
    """Yield for each prompt, in order, a picture (uint8, height x width x 3) or the reason why there is none.

    A batch that runs out of GPU memory is tried again at half the size, and where one picture alone does not fit, with
    the weights offloaded; nothing that is tried changes a picture but the size of a batch, which changes single values
    by one of 256 levels. Attention slices are not tried: torch's attention needs less memory than they do. A batch that
    fails otherwise is tried again prompt by prompt, so that a failure stays with its own prompt.

    Args:
        arguments: those of `call_arguments`.
        seeds: one for each prompt; each picture has a generator of its own, on the CPU, the same on every machine.
        image_size: side of every picture in pixels; None accepts any.

    Raises:
        UserError: one picture alone does not fit into memory, has another size, or every one of several prompts failed.
    """
    costs = costs or Costs(pipeline._execution_device)
    size = min(batch_size, _largest_batch(pipeline, arguments))
    errors: list[str] = []
    start = 0
    while start < len(prompts):
        rows = slice(start, start + size)
        pictures = None
        with contextlib.suppress(torch.OutOfMemoryError):
            pictures = _batch_or_reasons(pipeline, model, prompts[rows], seeds[rows], arguments, size, errors)
        if pictures is None:
            # What the failed call held is given back only now that its frames are gone.
            torch.cuda.empty_cache()
            if size > 1:
                size = (size + 1) // 2
                costs.fall_back(f"batches of {size}")
            elif how := offload_more(pipeline, costs.device):
                costs.fall_back(how)
            else:
                raise UserError(
                    f"models.{model}: one picture alone does not fit into the GPU's memory, with the weights offloaded "
                    "as far as the pipeline allows. Set a `precision` of 16 bits or a smaller `image_size`, or take a "
                    "larger GPU."
                )
            continue
        for picture in pictures:
            if not isinstance(picture, str) and image_size not in (None, picture.shape[0], picture.shape[1]):
                raise UserError(
                    f"models.{model}: image_size is {image_size}, but {type(pipeline).__name__} made a picture of "
                    f"{picture.shape[1]}x{picture.shape[0]} pixels. Set image_size to a size that the model makes."
                )
            yield picture
        start += len(pictures)
    if len(errors) == len(prompts) > 1:
        raise UserError(
            f"models.{model}: all {len(prompts)} prompts failed, the first with {errors[0]}. "
            "Check the model's settings; the log has every message."
        )


def _batch_or_reasons(
    pipeline: Any,
    model: str,
    prompts: Sequence[str],
    seeds: Sequence[int],
    arguments: Mapping[str, Any],
    size: int,
    errors: list[str],
) -> list[Pixels | str]:
    """Return the pictures of a batch; where it fails, prompt by prompt, and then the reason of each that fails again.

    Faults of the device, its memory among them, are raised: no prompt is to blame for them.
    """
    try:
        return _generate_batch(pipeline, prompts, seeds, arguments, size)
    except (torch.OutOfMemoryError, torch.AcceleratorError):
        raise
    except Exception as error:
        print(f"{model}: {type(error).__name__}: {error}", file=sys.stderr)
    pictures: list[Pixels | str] = []
    failed = []
    for prompt, seed in zip(prompts, seeds, strict=True):
        try:
            pictures += _generate_batch(pipeline, [prompt], [seed], arguments, size)
        except (torch.OutOfMemoryError, torch.AcceleratorError):
            raise
        except Exception as error:
            failed.append(f"{type(error).__name__}: {error}")
            pictures.append(f"generation failed: {failed[-1]}")
    errors += failed
    return pictures


def _generate_batch(
    pipeline: Any, prompts: Sequence[str], seeds: Sequence[int], arguments: Mapping[str, Any], size: int
) -> list[Pixels | str]:
    # Libraries choose their kernels, and with them the last bits of every number, by the shape of a batch. A batch that
    # is always full, with its last row repeated, leaves no trace of where a shard ended.
    fill = size - len(prompts)
    discrete = type(pipeline.scheduler).__name__ in DISCRETE_SCHEDULERS
    device = pipeline._execution_device if discrete else "cpu"
    generators = [torch.Generator(device).manual_seed(seed) for seed in [*seeds, *[seeds[-1]] * fill]]
    arguments = dict(arguments)
    if "negative_prompt" in arguments:
        arguments["negative_prompt"] = [arguments["negative_prompt"]] * size
    output = pipeline(
        prompt=[*prompts, *[prompts[-1]] * fill],
        generator=generators if size > 1 else generators[0],
        output_type="pil",
        **arguments,
    )
    flags = getattr(output, "nsfw_content_detected", None) or [False] * size
    pictures = [
        FLAGGED if flag else _checked(np.asarray(image.convert("RGB")))
        for image, flag in zip(output.images, flags, strict=True)
    ]
    return pictures[: len(prompts)]


def _checked(picture: Pixels) -> Pixels | str:
    return picture if picture.any() else BLACK


def _largest_batch(pipeline: Any, arguments: Mapping[str, Any]) -> int:
    if type(pipeline.scheduler).__name__ in DISCRETE_SCHEDULERS:
        return 1
    # Kandinsky's prior doubles the batch for a negative prompt and has then too few generators.
    if hasattr(pipeline, "prior_pipe") and "negative_prompt" in arguments:
        return 1
    return sys.maxsize


def describe_run(pipeline: Any, settings: Mapping[str, Any], device: torch.device) -> dict[str, str]:
    """Return what a table of generated images says about its making; equal in every run on the same machine."""
    shaping = {key: value for key, value in settings.items() if key not in COST_SETTINGS and value is not None}
    return {
        "pipeline": type(pipeline).__name__,
        "settings": repr(dict(sorted(shaping.items()))),
        "device": device_name(device),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }
