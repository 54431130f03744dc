"""A model as it is published on the hub, and what a study needs of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

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


def pickle_weights(folder: Path) -> None:
    """Turn a component's weights into the pickle that older repositories hold."""
    (file,) = folder.glob("*.safetensors")
    name = "pytorch_model.bin" if file.name == "model.safetensors" else "diffusion_pytorch_model.bin"
    torch.save(load_file(file), folder / name)
    file.unlink()


def change_settings(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Let `change` change the settings in a JSON file."""
    settings = json.loads(file.read_text())
    change(settings)
    file.write_text(json.dumps(settings))


def make_vq_diffusion_old(folder: Path) -> None:
    """Turn a VQ-Diffusion that was saved today into what microsoft/vq-diffusion-ithq holds, saved by diffusers 0.7."""
    for component in ("vqvae", "transformer", "text_encoder", "learned_classifier_free_sampling_embeddings"):
        pickle_weights(folder / component)
    change_settings(folder / "transformer/config.json", lambda config: config.pop("norm_type"))
    embeddings = "learned_classifier_free_sampling_embeddings"
    change_settings(folder / "model_index.json", lambda index: index[embeddings].__setitem__(0, "vq_diffusion"))


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
