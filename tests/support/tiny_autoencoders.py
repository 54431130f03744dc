"""Every kind of autoencoder with random weights, a few hundred kilobytes each."""

from collections.abc import Iterator
from contextlib import contextmanager

import diffusers
import torch
from diffusers.pipelines.deprecated.wuerstchen import PaellaVQModel

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

# The other classes that a text-to-image pipeline of diffusers has, and decoders that are put in their place.


def tiny_asymmetric_kl() -> diffusers.AsymmetricAutoencoderKL:
    """An AsymmetricAutoencoderKL, whose decoder is larger than its encoder."""
    return diffusers.AsymmetricAutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        down_block_out_channels=(8, 16),
        up_block_types=("UpDecoderBlock2D",) * 2,
        up_block_out_channels=(8, 16),
        norm_num_groups=GROUPS,
        layers_per_down_block=1,
        layers_per_up_block=2,
        sample_size=32,
    )


def tiny_consistency_decoder() -> diffusers.ConsistencyDecoderVAE:
    """A ConsistencyDecoderVAE, whose decoder draws noise."""
    return diffusers.ConsistencyDecoderVAE(
        encoder_block_out_channels=(8, 16),
        encoder_down_block_types=("DownEncoderBlock2D",) * 2,
        encoder_layers_per_block=1,
        encoder_norm_num_groups=GROUPS,
        decoder_block_out_channels=(8, 16),
        decoder_down_block_types=("ResnetDownsampleBlock2D",) * 2,
        decoder_up_block_types=("ResnetUpsampleBlock2D",) * 2,
        decoder_layers_per_block=1,
        decoder_norm_num_groups=GROUPS,
    )


def tiny_dc(stages: int = 3) -> diffusers.AutoencoderDC:
    """An AutoencoderDC as SANA has; it reduces a side by 2 to the power of `stages`, less one."""
    return diffusers.AutoencoderDC(
        latent_channels=4,
        attention_head_dim=4,
        encoder_block_out_channels=(8,) * stages,
        decoder_block_out_channels=(8,) * stages,
        encoder_layers_per_block=(1,) * stages,
        decoder_layers_per_block=(1,) * stages,
        encoder_qkv_multiscales=((),) * stages,
        decoder_qkv_multiscales=((),) * stages,
    )


LATENTS_MEAN, LATENTS_STD = [0.5, -1.0, 2.0, 0.0], [2.0, 0.5, 1.0, 3.0]


def tiny_qwen_image() -> diffusers.AutoencoderKLQwenImage:
    """An AutoencoderKLQwenImage: a video autoencoder, of which pictures use one frame."""
    return diffusers.AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2],
        num_res_blocks=1,
        temperal_downsample=[True],
        latents_mean=LATENTS_MEAN,
        latents_std=LATENTS_STD,
    )


def tiny_qwen_image_21() -> diffusers.AutoencoderKLQwenImage21:
    """An AutoencoderKLQwenImage21: frames with an alpha channel."""
    return diffusers.AutoencoderKLQwenImage21(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=4,
        dim_mult=[1, 1],
        num_res_blocks=1,
        temperal_downsample=[True],
        latents_mean=LATENTS_MEAN,
        latents_std=LATENTS_STD,
    )


def tiny_wan() -> diffusers.AutoencoderKLWan:
    """An AutoencoderKLWan as FIBO and Cosmos 2 have."""
    return diffusers.AutoencoderKLWan(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2],
        num_res_blocks=1,
        temperal_downsample=[True],
        latents_mean=LATENTS_MEAN,
        latents_std=LATENTS_STD,
    )


def tiny_flux_2() -> diffusers.AutoencoderKLFlux2:
    """An AutoencoderKLFlux2, whose pipeline normalises latents by the buffers of an unused batch norm."""
    network = diffusers.AutoencoderKLFlux2(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=GROUPS,
        sample_size=32,
    )
    network.bn.running_mean.normal_()
    network.bn.running_var.uniform_(0.5, 4.0)
    return network


def tiny_hunyuan_image() -> diffusers.AutoencoderKLHunyuanImage:
    """An AutoencoderKLHunyuanImage."""
    return diffusers.AutoencoderKLHunyuanImage(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        spatial_compression_ratio=2,
        sample_size=32,
        scaling_factor=0.75289,
    )


def tiny_hunyuan_image_refiner() -> diffusers.AutoencoderKLHunyuanImageRefiner:
    """An AutoencoderKLHunyuanImageRefiner, with a time axis."""
    return diffusers.AutoencoderKLHunyuanImageRefiner(
        latent_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        spatial_compression_ratio=2,
        temporal_compression_ratio=1,
    )


def tiny_paella() -> torch.nn.Module:
    """A PaellaVQModel as Wuerstchen and Stable Cascade have, with pixels in [0, 1]."""
    return PaellaVQModel(bottleneck_blocks=1, embed_dim=8, num_vq_embeddings=16)


def tiny_rae() -> diffusers.AutoencoderRAE:
    """An AutoencoderRAE, which has one size of pictures."""
    return diffusers.AutoencoderRAE(
        encoder_hidden_size=64,
        encoder_num_hidden_layers=1,
        decoder_hidden_size=16,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
        encoder_input_size=28,
        patch_size=16,
    )


OTHERS = {
    "asymmetric": tiny_asymmetric_kl,
    "consistency": tiny_consistency_decoder,
    "dc": tiny_dc,
    "qwen": tiny_qwen_image,
    "qwen21": tiny_qwen_image_21,
    "wan": tiny_wan,
    "flux2": tiny_flux_2,
    "hunyuan": tiny_hunyuan_image,
    "hunyuan_refiner": tiny_hunyuan_image_refiner,
    "paella": tiny_paella,
}
ALL = AUTOENCODERS | OTHERS
