"""A model as it is published on the hub, and what a study needs of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

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


# What the attention of autoencoders was called before diffusers 0.15.
OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def make_stable_diffusion_old(folder: Path) -> None:
    """Turn a Stable Diffusion that was saved today into what the repository of SD 1.5 holds, saved by diffusers 0.6.

    Its tokenizer is two files, its autoencoder has other names, and there are copies in other formats and precisions.
    """
    (vae,) = (folder / "vae").glob("*.safetensors")
    renamed = {}
    for name, tensor in load_file(vae).items():
        for new, old in OLD_ATTENTION.items():
            name = name.replace(f".{new}.", f".{old}.")
        renamed[name] = tensor
    assert len([name for name in renamed if ".proj_attn." in name]) == 4
    save_file(renamed, vae, {"format": "pt"})
    tokenizer = json.loads((folder / "tokenizer/tokenizer.json").read_text())
    (folder / "tokenizer/tokenizer.json").unlink()
    (folder / "tokenizer/vocab.json").write_text(json.dumps(tokenizer["model"]["vocab"]))
    merges = [" ".join(merge) for merge in tokenizer["model"]["merges"]]
    (folder / "tokenizer/merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    for component in ("unet", "vae", "text_encoder", "safety_checker"):
        (weights,) = (folder / component).glob("*.safetensors")
        for copy in (weights.with_suffix(".bin"), weights.with_suffix(".fp16.bin")):
            copy.write_bytes(b"pickled")
        weights.with_suffix(".fp16.safetensors").write_bytes(b"half")
    (folder / "unet/diffusion_pytorch_model.non_ema.safetensors").write_bytes(b"not averaged")
    (folder / "v1-5-pruned-emaonly.safetensors").write_bytes(b"everything in one file")
    change_settings(folder / "vae/config.json", lambda config: config.update(_diffusers_version="0.6.0"))


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
