"""A model as it is published on the hub, and what a study needs of it."""

import json
from pathlib import Path
from typing import Any

PIPELINE = {
    "model_index.json": json.dumps(
        {
            "_class_name": "StableDiffusionPipeline",
            "feature_extractor": [None, None],
            "scheduler": ["diffusers", "PNDMScheduler"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        }
    ).encode(),
    "README.md": b"a card",
    "v1-5-pruned.safetensors": b"everything in one file",
    "scheduler/scheduler_config.json": b"{}",
    "tokenizer/vocab.json": b"{}",
    "tokenizer/merges.txt": b"",
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.bin": b"pickled",
    "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
    "unet/diffusion_pytorch_model.non_ema.safetensors": b"not averaged",
    "unet/diffusion_pytorch_model-00001-of-00002.safetensors": b"first half",
    "unet/diffusion_pytorch_model-00002-of-00002.safetensors": b"second half",
    "unet/diffusion_pytorch_model.safetensors.index.json": b"{}",
    "vae/config.json": b'{"_class_name": "AutoencoderKL"}',
    "vae/diffusion_pytorch_model.safetensors": b"autoencoder",
    "vae/diffusion_pytorch_model.bin": b"pickled",
}
LOADED = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
    "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
    "unet/diffusion_pytorch_model.safetensors.index.json",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
]


def need(name: str, repository: str, **changes: Any) -> dict[str, Any]:
    return {
        "key": f"models.{name}",
        "repository": repository,
        "revision": None,
        "variant": None,
        "trusted_pickle": False,
        "folder": f"models/{name}",
        "part": "pipeline",
        "subfolder": None,
    } | changes


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
