"""Text-to-image pipelines of diffusers: loading one, the arguments of its call, and what tables record about it."""

import contextlib
import difflib
import inspect
import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from aedr.costs import Costs, device_name
from aedr.errors import UserError
from aedr.images.decoded import autoencoders_of
from aedr.images.modular import is_modular, load_modular
from aedr.images.parts import load_parts
from aedr.memory import offload_more
from aedr.weights.layout import INDEX, MODULAR_INDEX, index_of
from aedr.weights.repair import how_to_repair

# Settings that change how fast a picture is made and how much memory it needs, but not the picture.
COST_SETTINGS = ("attention_slicing", "batch_size", "offload")

# Arguments that change a picture after it was decoded (resizing it from a size of the pipeline's choice), or the prompt
# before it is used (a language model rewrites it). Off unless `arguments` has them.
OFF_BY_DEFAULT = ("use_resolution_binning", "use_pe", "enable_prompt_rewrite")


def load_pipeline(
    folder: str | Path,
    model: str,
    settings: Mapping[str, Any],
    device: torch.device,
    costs: Costs | None = None,
    components: Mapping[str, str] | None = None,
) -> Any:
    """Load the text-to-image pipeline of `model` from a local folder in diffusers' layout, ready to run on `device`.

    Weights that do not fit into the GPU's memory are offloaded, as with `offload`.

    Args:
        folder: contains `model_index.json`, or `modular_model_index.json` alone; a prior (Kandinsky) is in the
            subfolder `prior`.
        model: the model's id, for messages.
        settings: `pipeline` (diffusers class name), `precision`, and optionally `variant`, `trusted_pickle`,
            `attention_slicing`, `offload`.
        components: folders of parts that are not in `folder`, by name.

    Raises:
        UserError: no such class, files missing or damaged, or not enough memory.
    """
    folder = Path(folder)
    name = settings["pipeline"]
    index = index_of(path.name for path in folder.glob("*.json"))
    if not (folder / index).is_file():
        raise UserError(
            f"models.{model}: {folder} has no {INDEX}. A complete diffusers model was expected there. "
            f"{how_to_repair(folder)}"
        )
    loading = {
        "dtype": getattr(torch, settings["precision"]),
        "variant": settings.get("variant"),
        # None lets diffusers use pickled weights if there are no others.
        "use_safetensors": None if settings.get("trusted_pickle") else True,
        "local_files_only": True,
    }
    try:
        named = _pipeline_class(name, model)
        if index == MODULAR_INDEX:
            pipeline = load_modular(folder, model, loading, components)
        else:
            pipeline = _load(folder, named, loading, components or {})
        if name not in (type(pipeline).__name__, "AutoPipelineForText2Image", "ModularPipeline"):
            raise UserError(
                f"models.{model}: {folder} contains a {type(pipeline).__name__}, not a {name}. "
                f"Set `pipeline` to {type(pipeline).__name__} or to AutoPipelineForText2Image."
            )
        if not autoencoders_of(pipeline):
            raise UserError(
                f"models.{model}: a {type(pipeline).__name__} has no autoencoder, so nothing can be reconstructed with "
                "it. `pipeline` must name a latent diffusion model; give pictures of another as an image set."
            )
        pipeline.set_progress_bar_config(disable=True)
        if settings.get("attention_slicing"):
            pipeline.enable_attention_slicing()
        offloaded = settings.get("offload") and device.type == "cuda" and offload_more(pipeline, device)
        if not offloaded:
            _put(pipeline, model, device, costs or Costs(device))
    except UserError:
        raise
    # diffusers and transformers may raise almost anything if a model is incomplete or of another kind.
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
            f"text-to-image pipelines.{hint} For a class of another version, set an `environment` with that version."
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
            "offloaded. Set a `precision` of 16 bits, or use a larger GPU."
        )
    costs.fall_back(how)


def _load(folder: Path, pipeline: Any, loading: Mapping[str, Any], components: Mapping[str, str]) -> Any:
    if (folder / "prior" / INDEX).is_file():
        prior = diffusers.DiffusionPipeline.from_pretrained(folder / "prior", **loading)
        decoder = diffusers.DiffusionPipeline.from_pretrained(folder, **loading)
        parts = {f"prior_{part}": component for part, component in prior.components.items()}
        return diffusers.AutoPipelineForText2Image.from_pipe(decoder, **parts)
    parameters = inspect.signature(pipeline.__init__).parameters
    # A component that was saved as absent, such as SD3's T5 encoder, must be passed as None again.
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    extra: dict[str, Any] = {name: None for name in parameters if index.get(name) == [None, None]}
    extra |= load_parts(components, lambda name: _part_class(index, name), loading)
    if "learned_classifier_free_sampling_embeddings" in parameters:
        # A saved model's index expects this class in diffusers itself, the published model's index in a module
        # `vq_diffusion`. diffusers has it in neither place.
        library: Any = diffusers
        library.pipelines.vq_diffusion = module = sys.modules[pipeline.__module__]
        library.LearnedClassifierFreeSamplingEmbeddings = module.LearnedClassifierFreeSamplingEmbeddings
        extra["transformer"] = _load_vq_transformer(folder / "transformer", loading)
    if "add_watermarker" in parameters:
        # SDXL's invisible watermark would change the decoded pixels if its optional package is installed.
        extra["add_watermarker"] = False
    return pipeline.from_pretrained(folder, **loading, **extra)


def _part_class(index: Mapping[str, Any], name: str) -> Any:
    """Return the class of a pipeline's part: the one in its index or, without one there, in its signature."""
    library, kind = index.get(name) or (None, None)
    if library in ("diffusers", "transformers") and kind is not None:
        return getattr({"diffusers": diffusers, "transformers": transformers}[library], kind)
    return inspect.signature(getattr(diffusers, index["_class_name"]).__init__).parameters[name].annotation


def _load_vq_transformer(folder: Path, loading: Mapping[str, Any]) -> Any:
    """Load VQ-Diffusion's transformer. Its published settings are older than `norm_type`, which diffusers reads."""

    # diffusers chooses the class that it makes by this class's name.
    class Transformer2DModel(diffusers.Transformer2DModel):  # type: ignore[misc]
        @classmethod
        def load_config(cls, *arguments: Any, **options: Any) -> Any:
            loaded = super().load_config(*arguments, **options)  # type: ignore[misc]
            config = loaded[0] if isinstance(loaded, tuple) else loaded
            config.setdefault("norm_type", "ada_norm")
            return loaded

    return Transformer2DModel.from_pretrained(folder, **loading)


def call_arguments(pipeline: Any, model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of the pipeline's call that follow from the model's settings.

    `steps`, `guidance`, `image_size` and `negative_prompt`, if set, are passed under diffusers' names; what is not set
    is left to the pipeline. `arguments` has more under the pipeline's own names.

    Raises:
        UserError: the pipeline does not take one of them or ignores it, takes no prompt, or cannot be seeded.
    """
    accepted = accepted_arguments(pipeline)
    chosen = {
        "num_inference_steps": settings.get("steps"),
        "guidance_scale": settings.get("guidance"),
        "negative_prompt": settings.get("negative_prompt"),
    }
    arguments = {name: value for name, value in chosen.items() if value is not None}
    # A pipeline without these (VQ-Diffusion) has one size; generate_pictures compares it with image_size.
    if settings.get("image_size") is not None and {"height", "width"} <= set(accepted):
        arguments |= {"height": settings["image_size"], "width": settings["image_size"]}
    arguments |= {name: False for name in OFF_BY_DEFAULT if name in accepted}
    arguments |= settings.get("arguments") or {}
    keys = {"num_inference_steps": "steps", "guidance_scale": "guidance", "negative_prompt": "negative_prompt"}
    for name in arguments:
        if name not in accepted:
            raise UserError(
                f"models.{model}: {type(pipeline).__name__} takes no {name}: remove "
                f"`{keys.get(name, f'arguments: {name}')}` (null is the pipeline's own default). "
                f"It takes: {', '.join(accepted)}."
            )
    if "guidance_scale" in arguments and _ignores_guidance(pipeline, accepted):
        raise UserError(
            f"models.{model}: a {type(pipeline).__name__} with these weights ignores guidance_scale: remove `guidance` "
            "(null is the pipeline's own default)."
            + " Its own scale is `arguments: {true_cfg_scale: ...}`, with a `negative_prompt`."
            * ("true_cfg_scale" in accepted)
        )
    if not {"prompt", "generator"} <= set(accepted):
        raise UserError(
            f"models.{model}: {type(pipeline).__name__} takes no prompt or no generator, so it cannot make seeded "
            "pictures from text. `pipeline` must name a text-to-image pipeline."
        )
    return arguments


def accepted_arguments(pipeline: Any) -> list[str]:
    """Return the names of the arguments that a pipeline's call takes."""
    return pipeline.blocks.input_names if is_modular(pipeline) else [*inspect.signature(pipeline.__call__).parameters]


def unguided_arguments(pipeline: Any, model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call without classifier-free guidance, a negative prompt or times of its own.

    A denoiser that was distilled to take the scale of guidance as an input gets the model's, or its pipeline's own.

    Raises:
        UserError: as `call_arguments`; or the pipeline takes no height and width.
    """
    accepted = accepted_arguments(pipeline)
    if not {"height", "width"} <= set(accepted):
        raise UserError(
            f"models.{model}: a {type(pipeline).__name__} takes no height and width, so its denoiser cannot be asked "
            "about images of any size. Leave the model out of second_stage.models"
        )
    left_out = ("negative_prompt", "sigmas", "timesteps", "num_inference_steps", "height", "width")
    arguments = call_arguments(pipeline, model, {"arguments": settings.get("arguments")})
    arguments = {name: value for name, value in arguments.items() if name not in left_out}
    if "true_cfg_scale" in accepted:
        arguments["true_cfg_scale"] = 1.0
    if "guidance_scale" in accepted and not _ignores_guidance(pipeline, accepted):
        denoiser = getattr(pipeline, "transformer", None) or getattr(pipeline, "unet", None)
        config = getattr(denoiser, "config", {})
        is_distilled = config.get("guidance_embeds") or config.get("time_cond_proj_dim")
        scale = settings.get("guidance") if is_distilled else _scale_without_guidance(pipeline)
        arguments |= {"guidance_scale": scale} if scale is not None else {}
    return arguments


def _scale_without_guidance(pipeline: Any) -> float:
    """Return the scale at which the pipeline is not guided: 0 where it is that of a difference that is added."""
    # Every call sets it.
    pipeline._guidance_scale = 1.0
    return 0.0 if getattr(pipeline, "do_classifier_free_guidance", False) else 1.0


def _ignores_guidance(pipeline: Any, accepted: Collection[str]) -> bool:
    """Return whether the pipeline takes guidance_scale and does nothing with it, as its configuration says."""
    transformer = getattr(pipeline, "transformer", None)
    undistilled = getattr(transformer, "config", {}).get("guidance_embeds") is False
    return bool(pipeline.config.get("is_distilled")) or ("true_cfg_scale" in accepted and undistilled)


def describe_run(pipeline: Any, settings: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Return what a table of generated images records about how it was made; equal in every run on one machine."""
    shaping = {key: value for key, value in settings.items() if key not in COST_SETTINGS and value is not None}
    return {
        "pipeline": type(pipeline).__name__,
        "settings": dict(sorted(shaping.items())),
        "device": device_name(device),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }
