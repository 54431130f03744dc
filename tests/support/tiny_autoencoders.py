"""Every kind of autoencoder with random weights, a few hundred kilobytes each."""

from collections.abc import Iterator
from contextlib import contextmanager

import diffusers
import torch

GROUPS = 4


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw random weights from `seed` and leave the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


# Autoencoders: all reduce a side by 2 but the last two, which reduce it by 2 as well and quantise.


def tiny_autoencoder_kl(latent_channels: int = 4, scaling_factor: float = 0.18215) -> diffusers.AutoencoderKL:
    """An AutoencoderKL as Stable Diffusion, SDXL, SD3 and FLUX have (they differ in channels and scaling)."""
    modern = latent_channels == 16
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=latent_channels,
        norm_num_groups=GROUPS,
        sample_size=32,
        scaling_factor=scaling_factor,
        shift_factor=0.1 if modern else None,
        use_quant_conv=not modern,
        use_post_quant_conv=not modern,
    )


def tiny_autoencoder_tiny(latent_channels: int = 4) -> diffusers.AutoencoderTiny:
    """An AutoencoderTiny, the distilled kind."""
    return diffusers.AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=latent_channels,
    )


def tiny_vq_model(codes: int = 16) -> diffusers.VQModel:
    """A VQModel as VQ-Diffusion has."""
    return diffusers.VQModel(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=3,
        norm_num_groups=GROUPS,
        num_vq_embeddings=codes,
        vq_embed_dim=3,
    )


def tiny_movq() -> diffusers.VQModel:
    """A MoVQ as Kandinsky has; its spatial norm fixes 32 groups, hence the width."""
    return diffusers.VQModel(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=32,
        norm_type="spatial",
        num_vq_embeddings=16,
        vq_embed_dim=4,
    )


AUTOENCODERS = {
    "kl": tiny_autoencoder_kl,
    "tiny": tiny_autoencoder_tiny,
    "vq": tiny_vq_model,
    "movq": tiny_movq,
}
