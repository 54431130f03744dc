"""An AutoencoderKL in a single file, as web interfaces for Stable Diffusion keep them: its shape from its weights."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

PREFIXES = ("first_stage_model.", "vae.")
# The first convolution of a block: by the names of Stable Diffusion's own code, or by those of diffusers.
BLOCK = re.compile(r"encoder\.down(?:_blocks)?\.(\d+)\.(?:block|resnets)\.(\d+)\.conv1\.weight")


def load_single_file(path: Path, dtype: torch.dtype) -> Any:
    """Return the AutoencoderKL in a safetensors file: alone, or inside a whole checkpoint.

    The file does not say by what its diffusion model multiplies latents, so the `scaling_factor` is Stable Diffusion
    1's. Only the rivals that descend in latents use it.

    Raises:
        Exception: of many kinds, if the file contains no AutoencoderKL, or not all of one.
    """
    import diffusers

    with tempfile.TemporaryDirectory() as folder:
        config = {"_class_name": "AutoencoderKL"} | config_from_shapes(path)
        (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        # Weights that the file does not have stay without values (on the device "meta"), so moving them fails.
        return diffusers.AutoencoderKL.from_single_file(
            str(path), config=folder, torch_dtype=dtype, low_cpu_mem_usage=True, local_files_only=True
        )


def config_from_shapes(path: Path) -> dict[str, Any]:
    """Return diffusers' configuration of the AutoencoderKL in a safetensors file, from the shapes of its weights.

    Raises:
        ValueError: there is none.
    """
    with safe_open(path, framework="pt") as file:
        shapes = {_without_prefix(name): file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    blocks = {tuple(map(int, found.groups())): shapes[name] for name in shapes if (found := BLOCK.fullmatch(name))}
    widths = [shapes_of[0] for (_, layer), shapes_of in sorted(blocks.items()) if layer == 0]
    latents = shapes.get("decoder.conv_in.weight")
    if not widths or latents is None or len(latents) != 4:
        raise ValueError(
            "it contains no AutoencoderKL; for another class, name a folder in diffusers' layout as `path`"
        )
    return {
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "latent_channels": latents[1],
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "layers_per_block": sum(block == 0 for block, _ in blocks),
        "use_quant_conv": "quant_conv.weight" in shapes,
        "use_post_quant_conv": "post_quant_conv.weight" in shapes,
        "mid_block_add_attention": any(re.match(r"encoder\.mid.*att", name) for name in shapes),
    }


def _without_prefix(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), name)
