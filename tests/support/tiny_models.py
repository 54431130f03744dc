"""Diffusers models with random weights, a few hundred kilobytes each: real architectures without a download.

`TINY_MODELS` maps the ids of the eight models to functions that save such a model to a folder.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers.pipelines.deprecated.vq_diffusion import LearnedClassifierFreeSamplingEmbeddings
from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker

from tiny_autoencoders import GROUPS, seeded, tiny_autoencoder_kl, tiny_movq, tiny_vq_model
from tiny_encoders import (
    TEXT_WIDTH,
    TOKENS,
    clip_text_config,
    image_processor,
    t5_encoder,
    tiny_clip_tokenizer,
    tiny_t5_tokenizer,
    tiny_xlm_roberta_tokenizer,
    vision_config,
)


def save_stable_diffusion(folder: Path, seed: int = 0, flagged: bool | None = None) -> None:
    """Save a StableDiffusionPipeline; `flagged` adds a safety checker that flags every picture (or none)."""
    with seeded(seed):
        checker = None if flagged is None else tiny_safety_checker(flagged)
        diffusers.StableDiffusionPipeline(
            vae=tiny_autoencoder_kl(),
            text_encoder=transformers.CLIPTextModel(clip_text_config()).eval(),
            tokenizer=tiny_clip_tokenizer(),
            unet=diffusers.UNet2DConditionModel(
                sample_size=16,
                block_out_channels=(8, 16),
                layers_per_block=1,
                norm_num_groups=GROUPS,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
                cross_attention_dim=TEXT_WIDTH,
                attention_head_dim=4,
            ),
            scheduler=diffusers.PNDMScheduler(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="scaled_linear",
                skip_prk_steps=True,
                steps_offset=1,
            ),
            safety_checker=checker,
            feature_extractor=image_processor() if checker else None,
            requires_safety_checker=False,
        ).save_pretrained(folder)


def save_stable_diffusion_2(folder: Path, seed: int, prediction: str = "epsilon") -> None:
    """Save a StableDiffusionPipeline of version 2 or, with `prediction` v_prediction, 2.1."""
    settings = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
    upcast = prediction == "v_prediction"
    scheduler = (
        diffusers.DDIMScheduler(**settings, prediction_type=prediction, clip_sample=False, set_alpha_to_one=False)
        if upcast
        else diffusers.PNDMScheduler(**settings, skip_prk_steps=True)
    )
    with seeded(seed):
        diffusers.StableDiffusionPipeline(
            vae=tiny_autoencoder_kl(),
            text_encoder=transformers.CLIPTextModel(clip_text_config(hidden_act="gelu")).eval(),
            tokenizer=tiny_clip_tokenizer(pad="!"),
            unet=diffusers.UNet2DConditionModel(
                sample_size=16,
                block_out_channels=(8, 16),
                layers_per_block=1,
                norm_num_groups=GROUPS,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
                cross_attention_dim=TEXT_WIDTH,
                attention_head_dim=(2, 4),
                use_linear_projection=True,
                upcast_attention=upcast,
            ),
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(folder)


def tiny_safety_checker(flagged: bool) -> StableDiffusionSafetyChecker:
    """The safety checker of Stable Diffusion, with thresholds that every picture passes or fails."""
    checker = StableDiffusionSafetyChecker(
        transformers.CLIPConfig(vision_config=vision_config().to_dict(), projection_dim=TEXT_WIDTH)
    )
    with torch.no_grad():
        checker.concept_embeds.normal_()
        checker.special_care_embeds.normal_()
        checker.concept_embeds_weights.fill_(-2.0 if flagged else 2.0)
        checker.special_care_embeds_weights.fill_(2.0)
    return checker.eval()


def save_stable_diffusion_xl(folder: Path, seed: int = 0) -> None:
    """Save a StableDiffusionXLPipeline."""
    with seeded(seed):
        diffusers.StableDiffusionXLPipeline(
            vae=tiny_autoencoder_kl(scaling_factor=0.13025),
            text_encoder=transformers.CLIPTextModel(clip_text_config(hidden_act="quick_gelu")).eval(),
            text_encoder_2=transformers.CLIPTextModelWithProjection(clip_text_config(hidden_act="gelu")).eval(),
            tokenizer=tiny_clip_tokenizer(),
            tokenizer_2=tiny_clip_tokenizer(pad="!"),
            unet=diffusers.UNet2DConditionModel(
                sample_size=16,
                block_out_channels=(8, 16),
                layers_per_block=1,
                norm_num_groups=GROUPS,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
                cross_attention_dim=2 * TEXT_WIDTH,
                attention_head_dim=(2, 4),
                transformer_layers_per_block=(1, 2),
                use_linear_projection=True,
                addition_embed_type="text_time",
                addition_time_embed_dim=8,
                projection_class_embeddings_input_dim=6 * 8 + TEXT_WIDTH,
            ),
            scheduler=diffusers.EulerDiscreteScheduler(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="scaled_linear",
                steps_offset=1,
                timestep_spacing="leading",
            ),
            add_watermarker=False,
        ).save_pretrained(folder)


def save_stable_diffusion_3(folder: Path, seed: int = 0) -> None:
    """Save a StableDiffusion3Pipeline with all three text encoders."""
    with seeded(seed):
        diffusers.StableDiffusion3Pipeline(
            vae=tiny_autoencoder_kl(16, scaling_factor=1.5305),
            text_encoder=transformers.CLIPTextModelWithProjection(clip_text_config()).eval(),
            text_encoder_2=transformers.CLIPTextModelWithProjection(clip_text_config(hidden_act="gelu")).eval(),
            # As wide as both CLIP encoders together, which are padded to its width.
            text_encoder_3=t5_encoder(2 * TEXT_WIDTH),
            tokenizer=tiny_clip_tokenizer(),
            tokenizer_2=tiny_clip_tokenizer(pad="!"),
            tokenizer_3=tiny_t5_tokenizer(),
            transformer=diffusers.SD3Transformer2DModel(
                sample_size=16,
                patch_size=2,
                in_channels=16,
                out_channels=16,
                num_layers=1,
                attention_head_dim=8,
                num_attention_heads=4,
                joint_attention_dim=2 * TEXT_WIDTH,
                caption_projection_dim=32,
                pooled_projection_dim=2 * TEXT_WIDTH,
                pos_embed_max_size=16,
                qk_norm="rms_norm",
            ),
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        ).save_pretrained(folder)


def save_flux(folder: Path, seed: int = 0, guidance: bool = True) -> None:
    """Save a FluxPipeline; with `guidance`, its transformer takes the scale of guidance, as FLUX.1-dev's does."""
    with seeded(seed):
        diffusers.FluxPipeline(
            vae=tiny_autoencoder_kl(16, scaling_factor=0.3611),
            text_encoder=transformers.CLIPTextModel(clip_text_config()).eval(),
            text_encoder_2=t5_encoder(),
            tokenizer=tiny_clip_tokenizer(),
            tokenizer_2=tiny_t5_tokenizer(),
            transformer=diffusers.FluxTransformer2DModel(
                in_channels=64,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=TEXT_WIDTH,
                pooled_projection_dim=TEXT_WIDTH,
                axes_dims_rope=(4, 4, 8),
                guidance_embeds=guidance,
            ),
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        ).save_pretrained(folder)


def save_kandinsky(folder: Path, seed: int = 0) -> None:
    """Save a KandinskyPipeline, and its prior in the subfolder `prior`."""
    with seeded(seed):
        tokenizer = tiny_xlm_roberta_tokenizer()
        text_encoder = MultilingualCLIP(
            MCLIPConfig(
                transformerDimSize=TEXT_WIDTH,
                imageDimSize=TEXT_WIDTH,
                vocab_size=len(tokenizer),
                hidden_size=TEXT_WIDTH,
                intermediate_size=TEXT_WIDTH,
                num_attention_heads=4,
                num_hidden_layers=1,
                max_position_embeddings=TOKENS + 4,
                pad_token_id=tokenizer.pad_token_id,
            )
        ).eval()
        diffusers.KandinskyPipeline(
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=diffusers.UNet2DConditionModel(
                in_channels=4,
                out_channels=8,
                addition_embed_type="text_image",
                down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
                up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
                mid_block_type="UNetMidBlock2DSimpleCrossAttn",
                block_out_channels=(8, 16),
                layers_per_block=1,
                norm_num_groups=GROUPS,
                encoder_hid_dim=TEXT_WIDTH,
                encoder_hid_dim_type="text_image_proj",
                cross_attention_dim=TEXT_WIDTH,
                attention_head_dim=4,
                resnet_time_scale_shift="scale_shift",
            ),
            scheduler=diffusers.DDIMScheduler(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="linear",
                clip_sample=False,
                set_alpha_to_one=False,
                steps_offset=1,
            ),
            movq=tiny_movq(),
        ).save_pretrained(folder)
        diffusers.KandinskyPriorPipeline(
            prior=diffusers.PriorTransformer(
                num_attention_heads=2,
                attention_head_dim=8,
                embedding_dim=TEXT_WIDTH,
                num_layers=1,
                num_embeddings=TOKENS,
            ),
            image_encoder=transformers.CLIPVisionModelWithProjection(vision_config()).eval(),
            text_encoder=transformers.CLIPTextModelWithProjection(clip_text_config()).eval(),
            tokenizer=tiny_clip_tokenizer(),
            scheduler=diffusers.UnCLIPScheduler(
                variance_type="fixed_small_log",
                prediction_type="sample",
                num_train_timesteps=1000,
                clip_sample=True,
                clip_sample_range=10.0,
            ),
            image_processor=image_processor(),
        ).save_pretrained(Path(folder) / "prior")


def save_vq_diffusion(folder: Path, seed: int = 0) -> None:
    """Save a VQDiffusionPipeline for 32x32 images."""
    codes = 16
    with seeded(seed):
        embeddings = LearnedClassifierFreeSamplingEmbeddings(learnable=True, hidden_size=TEXT_WIDTH, length=TOKENS)
        diffusers.VQDiffusionPipeline(
            vqvae=tiny_vq_model(codes),
            text_encoder=transformers.CLIPTextModel(clip_text_config()).eval(),
            tokenizer=tiny_clip_tokenizer(),
            transformer=diffusers.Transformer2DModel(
                attention_bias=True,
                attention_head_dim=8,
                num_attention_heads=2,
                cross_attention_dim=TEXT_WIDTH,
                num_layers=1,
                norm_num_groups=GROUPS,
                sample_size=16,
                num_vector_embeds=codes + 1,
                num_embeds_ada_norm=100,
                activation_fn="geglu-approximate",
                norm_type="ada_norm",
            ),
            scheduler=diffusers.VQDiffusionScheduler(num_vec_classes=codes + 1, num_train_timesteps=100),
            learned_classifier_free_sampling_embeddings=embeddings,
        ).save_pretrained(folder)


TINY_MODELS: dict[str, Callable[[Path], None]] = {
    "sd15": functools.partial(save_stable_diffusion, flagged=False),
    "sd2base": functools.partial(save_stable_diffusion_2, seed=1),
    "sd21": functools.partial(save_stable_diffusion_2, seed=2, prediction="v_prediction"),
    "sdxl": functools.partial(save_stable_diffusion_xl, seed=3),
    "sd35": functools.partial(save_stable_diffusion_3, seed=4),
    "flux": functools.partial(save_flux, seed=5),
    "kd21": save_kandinsky,
    "vqdm": save_vq_diffusion,
}
