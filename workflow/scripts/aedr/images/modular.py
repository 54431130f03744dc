"""Modular pipelines of diffusers, made of blocks: loading one as it makes pictures from prompts as they are given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers

from aedr.errors import UserError
from aedr.images.parts import load_parts
from aedr.weights.repair import how_to_repair


def is_modular(pipeline: Any) -> bool:
    """Return whether a pipeline is called as one of blocks: with one prompt, and `output` to choose what it returns."""
    return isinstance(pipeline, diffusers.ModularPipeline)


def load_modular(
    folder: Path, model: str, loading: Mapping[str, Any], components: Mapping[str, str] | None = None
) -> Any:
    """Load a modular pipeline with all its parts from a local folder, without blocks that rewrite prompts.

    Args:
        folder: contains `modular_model_index.json` and a subfolder for each part, whichever repository the index names.
        model: the model's id, for messages.
        loading: options of every part's `from_pretrained`.
        components: folders of parts that are not in `folder`, by name.

    Raises:
        UserError: a part cannot be loaded.
    """
    pipeline = diffusers.ModularPipeline.from_pretrained(str(folder), local_files_only=True)
    blocks = pipeline.blocks
    rewriting = [
        name
        for name, block in blocks.sub_blocks.items()
        if any(output.name == "prompt" for output in block.intermediate_outputs)
    ]
    for name in rewriting:
        blocks.sub_blocks.pop(name)
    if rewriting:
        pipeline = blocks.init_pipeline(str(folder))
    parts = load_parts(components or {}, lambda name: pipeline.get_component_spec(name).type_hint, loading)
    pipeline.update_components(**parts)
    pipeline.load_components(pretrained_model_name_or_path=str(folder), **loading)
    # What cannot be loaded is only logged.
    missing = [name for name in pipeline.pretrained_component_names if getattr(pipeline, name, None) is None]
    if missing:
        raise UserError(
            f"models.{model}: {', '.join(missing)} cannot be loaded from {folder}; the log says why. Each must be a "
            f"subfolder there, or be named under `components`. {how_to_repair(folder)}"
        )
    return pipeline
