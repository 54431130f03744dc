"""Autoencoders of latent diffusion models: loading one without its pipeline, encoding and decoding with it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aedr.errors import UserError
from aedr.weights.repair import how_to_repair

SUBFOLDERS = ("vae", "movq", "vqvae")
PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Autoencoder:
    """A diffusers autoencoder with what is needed to use it as its own pipeline does.

    `factor` is the number of pixels a side that one latent stands for. `quantise` says whether a latent is replaced by
    its nearest code before it is decoded; it has no effect on a continuous autoencoder.
    """

    network: Any
    factor: int
    quantise: bool

    def reconstruct(self, images: torch.Tensor, encoding: str, seeds: Sequence[int]) -> torch.Tensor:
        """Encode and decode `images`: pixels in [-1, 1], shape (images, 3, height, width), sides on the grid.

        Args:
            encoding: "mode" decodes the most likely latent; "sample" draws one with the image's own seed. Only an
                AutoencoderKL has a distribution to draw from.
            seeds: one for each image.

        Returns:
            Reconstructions as float32, neither clamped nor rounded.
        """
        return self.decode(self.encode(images, encoding, seeds))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode latents, unscaled, as the model's own pipeline does; returns float32 pixels, not clamped."""
        options = {"force_not_quantize": not self.quantise} if self.has_codebook else {}
        return self.network.decode(latents, **options).sample.float()

    def encode(self, images: torch.Tensor, encoding: str = "mode", seeds: Sequence[int] = ()) -> torch.Tensor:
        """Return the latents of `images`, unscaled and not quantised; the arguments are those of `reconstruct`."""
        encoded = self.network.encode(images.to(self.network.dtype))
        if not hasattr(encoded, "latent_dist"):
            return encoded.latents
        posterior = encoded.latent_dist
        if encoding == "mode":
            return posterior.mode()
        return posterior.mean + posterior.std * normal_noise(posterior.mean, seeds)

    @property
    def has_codebook(self) -> bool:
        """Whether the autoencoder has codes that can replace latents."""
        return hasattr(self.network, "quantize")

    @property
    def scaling_factor(self) -> float:
        """What the encoder's latents are multiplied by for the diffusion model; 1 with a codebook."""
        return 1.0 if self.has_codebook else getattr(self.network.config, "scaling_factor", 1.0)

    def nearest_codes(self, latents: torch.Tensor) -> torch.Tensor:
        """Return each latent's nearest code; only for an autoencoder with a codebook."""
        return self.network.quantize(latents)[0]


def normal_noise(latents: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
    """Return standard normal noise of the shape, type and device of `latents`, each image's from its own seed."""
    noise = [torch.randn(latents.shape[1:], generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(noise).to(latents)


def find_autoencoder(model: str | Path, subfolder: str | None = None) -> Path:
    """Return the folder of the autoencoder inside a model's folder (vae, movq or vqvae, or the given subfolder).

    A folder that is itself an autoencoder is returned as it is. Raises `UserError` if there is none.
    """
    model = Path(model)
    candidates = [model / subfolder] if subfolder is not None else [*(model / name for name in SUBFOLDERS), model]
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
    """Load one autoencoder (never its pipeline) in diffusers' layout.

    Args:
        folder: the model's folder or the autoencoder's own, searched by `find_autoencoder`.
        precision: float32, float16 or bfloat16.
        quantise: whether latents are quantised before decoding. None does as the pipelines do: a VQModel's latents are,
            those of a MoVQ (`norm_type` spatial) are not, since Kandinsky uses `force_not_quantize=True`.
        trusted_pickle: also accept pickled weights.

    Raises:
        UserError: the folder contains no diffusers autoencoder, or its weights are missing or damaged.
    """
    import diffusers

    model, folder = folder, find_autoencoder(folder, subfolder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        network_class = getattr(diffusers, config["_class_name"])
        # The model's publisher chose the name, and diffusers has many other classes.
        if not (issubclass(network_class, diffusers.ModelMixin) and hasattr(network_class, "decode")):
            raise TypeError(f"{config['_class_name']} is not an autoencoder")
        network = network_class.from_pretrained(
            folder,
            torch_dtype=PRECISIONS[precision],
            use_safetensors=None if trusted_pickle else True,
            local_files_only=True,
            # accelerate's meta-device path, the default, only matters for models larger than memory.
            low_cpu_mem_usage=False,
        )
        network = network.eval().requires_grad_(False).to(device)
        if quantise is None:
            quantise = config.get("norm_type") != "spatial"
        return as_autoencoder(network, quantise)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise UserError(
            f"The autoencoder in {folder} cannot be loaded ({type(error).__name__}: {error}). Expected diffusers' "
            f"layout: config.json and safetensors weights. {how_to_repair(model)}"
        ) from None


def as_autoencoder(network: Any, quantise: bool) -> Autoencoder:
    """Return a diffusers network as an `Autoencoder`. Its factor is measured by encoding an image."""
    with torch.inference_mode():
        probe = torch.zeros(1, 3, 64, 64, device=network.device, dtype=network.dtype)
        side = Autoencoder(network, 1, quantise).encode(probe).shape[-1]
    return Autoencoder(network, 64 // side, quantise)
