"""Autoencoders of latent diffusion models: loading one without its pipeline, encoding and decoding with it."""

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aedr.autoencoders.convention import Convention, decode, encode, find_convention, most_likely
from aedr.autoencoders.single_file import load_single_file
from aedr.errors import UserError
from aedr.weights.layout import AUTOENCODER_FOLDERS
from aedr.weights.repair import how_to_repair

# Autoencoders that diffusers has only beside their pipeline.
ELSEWHERE = {"PaellaVQModel": "diffusers.pipelines.deprecated.wuerstchen"}
PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Autoencoder:
    """A diffusers autoencoder with what is needed to use it as its own pipeline does.

    `factor` is the number of pixels a side that one latent stands for. `quantise` says whether a latent is replaced by
    its nearest code before it is decoded; it has no effect on a continuous autoencoder. `convention` is how the network
    takes pixels.
    """

    network: Any
    factor: int
    quantise: bool
    convention: Convention = Convention()

    def reconstruct(self, images: torch.Tensor, encoding: str, seeds: Sequence[int]) -> torch.Tensor:
        """Encode and decode `images`: pixels in [-1, 1], shape (images, 3, height, width), sides on the grid.

        Args:
            encoding: "mode" decodes the most likely latent; "sample" draws one with the image's own seed. Only an
                autoencoder with a distribution, such as AutoencoderKL, has something to draw from.
            seeds: one for each image.

        Returns:
            Reconstructions as float32, neither clamped nor rounded.
        """
        return self.decode(self.encode(images, encoding, seeds), seeds)

    def decode(self, latents: torch.Tensor, seeds: Sequence[int] = ()) -> torch.Tensor:
        """Decode latents, unscaled, as the model's own pipeline does; returns float32 pixels, not clamped.

        A decoder that draws noise draws each image's from its own seed, or from 0 where there are none.
        """
        drawn = (seeds or [0] * len(latents)) if self.convention.draws_noise else None
        return self.convention.from_network(decode(self.network, latents, self.quantise, drawn))

    def encode(self, images: torch.Tensor, encoding: str = "mode", seeds: Sequence[int] = ()) -> torch.Tensor:
        """Return the latents of `images`, unscaled and not quantised, as the network has them.

        The arguments are those of `reconstruct`.
        """
        encoded = encode(self.network, self.convention.to_network(images))
        if encoding == "mode" or isinstance(encoded, torch.Tensor):
            return most_likely(encoded)
        return encoded.mean + encoded.std * normal_noise(encoded.mean, seeds)

    @property
    def has_codebook(self) -> bool:
        """Whether the autoencoder has codes that can replace latents."""
        return hasattr(self.network, "quantize")

    def nearest_codes(self, latents: torch.Tensor) -> torch.Tensor:
        """Return each latent's nearest code; only for an autoencoder with a codebook."""
        return self.network.quantize(latents)[0]


def normal_noise(latents: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
    """Return standard normal noise of the shape, type and device of `latents`, each image's from its own seed."""
    noise = [torch.randn(latents.shape[1:], generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(noise).to(latents)


def find_autoencoder(model: str | Path, subfolder: str | None = None) -> Path:
    """Return the folder of the autoencoder inside a model's folder (one of `AUTOENCODER_FOLDERS`, or the given one).

    A folder that is itself an autoencoder is returned as it is, and so is a file. Raises `UserError` if there is none.
    """
    model = Path(model)
    if model.is_file():
        return model
    candidates = (
        [model / subfolder] if subfolder is not None else [*(model / name for name in AUTOENCODER_FOLDERS), model]
    )
    for candidate in candidates:
        if (candidate / "config.json").is_file():
            return candidate
    raise UserError(
        f"{model} contains no autoencoder: expected config.json in {' or '.join(str(c) for c in candidates)}. "
        "Name its folder as autoencoder.subfolder."
    )


def load_autoencoder(
    folder: str | Path,
    precision: str,
    device: torch.device,
    subfolder: str | None = None,
    quantise: bool | None = None,
    trusted_pickle: bool = False,
) -> Autoencoder:
    """Load one autoencoder (never its pipeline) in diffusers' layout, or an AutoencoderKL in a single file.

    Args:
        folder: the model's folder or the autoencoder's own, searched by `find_autoencoder`; or a safetensors file.
        precision: float32, float16 or bfloat16.
        quantise: whether latents are quantised before decoding. None does as the pipelines do: a VQModel's latents are,
            those of a MoVQ (`norm_type` spatial) are not, since Kandinsky uses `force_not_quantize=True`.
        trusted_pickle: also accept pickled weights.

    Raises:
        UserError: the folder contains no diffusers autoencoder, its weights are missing or damaged, or no way to use it
            is found.
    """
    model, folder = folder, find_autoencoder(folder, subfolder)
    try:
        if folder.is_file():
            network = load_single_file(folder, PRECISIONS[precision])
        else:
            network = _load_folder(folder, PRECISIONS[precision], trusted_pickle)
        network = network.eval().requires_grad_(False).to(device)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise UserError(
            f"The autoencoder in {folder} cannot be loaded ({type(error).__name__}: {error}). Expected diffusers' "
            f"layout: config.json and safetensors weights. {how_to_repair(model)}"
        ) from None
    if quantise is None:
        quantise = network.config.get("norm_type") != "spatial"
    try:
        return as_autoencoder(network, quantise)
    except UserError as error:
        raise UserError(f"The autoencoder in {folder} cannot be used: {error}") from None


def _load_folder(folder: Path, dtype: torch.dtype, trusted_pickle: bool) -> Any:
    import diffusers

    name = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"]
    network_class = getattr(importlib.import_module(ELSEWHERE.get(name, "diffusers")), name)
    # The model's publisher chose the name, and diffusers has many other classes.
    if not (issubclass(network_class, diffusers.ModelMixin) and hasattr(network_class, "decode")):
        raise TypeError(f"{name} is not an autoencoder")
    return network_class.from_pretrained(
        folder,
        torch_dtype=dtype,
        use_safetensors=None if trusted_pickle else True,
        local_files_only=True,
        # accelerate's meta-device path, the default, only matters for models larger than memory.
        low_cpu_mem_usage=False,
    )


def as_autoencoder(network: Any, quantise: bool) -> Autoencoder:
    """Return a diffusers network as an `Autoencoder`, used in the way that `find_convention` finds, or raises."""
    convention, factor = find_convention(network, quantise)
    return Autoencoder(network, factor, quantise, convention)
