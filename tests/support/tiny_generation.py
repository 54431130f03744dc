"""Pictures of the tiny models: their settings, prompts and seeds."""

from collections.abc import Sequence
from typing import Any

import torch

from aedr.costs import Costs
from aedr.images import generation, pipelines
from aedr.seeds import seed_of

PROMPTS = ["a cat", "a rocket in the blue", "painting, coffee and a red flower, photo", "temple " * 90, ""]
SEEDS = [seed_of(0, prompt) for prompt in PROMPTS]
PIPELINES = {
    "sd15": "StableDiffusionPipeline",
    "sd2base": "StableDiffusionPipeline",
    "sd21": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sd35": "StableDiffusion3Pipeline",
    "flux": "FluxPipeline",
    "kd21": "KandinskyCombinedPipeline",
    "vqdm": "VQDiffusionPipeline",
}
CPU = torch.device("cpu")
SIZE = 32


def settings_of(model: str, **changes: Any) -> dict[str, Any]:
    size = {} if model == "vqdm" else {"image_size": SIZE}
    return {"pipeline": PIPELINES[model], "precision": "float32", "steps": 3, "guidance": 7.5} | size | changes


def generate(
    pipeline: Any, model: str, rows: Sequence[int], batch_size: int, costs: Costs | None = None, **changes: Any
) -> list[Any]:
    settings = settings_of(model, **changes)
    arguments = pipelines.call_arguments(pipeline, model, settings)
    prompts, seeds = [PROMPTS[row] for row in rows], [SEEDS[row] for row in rows]
    size = settings.get("image_size")
    return list(generation.generate_pictures(pipeline, model, prompts, seeds, arguments, batch_size, size, costs))
