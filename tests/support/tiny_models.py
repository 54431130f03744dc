"""Diffusers models with random weights, a few hundred kilobytes each: real architectures without a download.

`TINY_MODELS` maps the ids of the published study's models to functions that save such a model to a folder. The
`tiny_*` functions return the parts, among them every kind of autoencoder.
"""

import functools
import json
import string
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers.pipelines.deprecated.vq_diffusion import LearnedClassifierFreeSamplingEmbeddings
from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker

SENTENCE = "a an the of on in and cat cup coffee rocket temple flower astronaut photo painting red blue green"
WORDS = SENTENCE.split()
TEXT_WIDTH = 32
TOKENS = 77
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


# Tokenizers and text encoders


@functools.cache
def tiny_clip_tokenizer(pad: str = "<|endoftext|>") -> transformers.CLIPTokenizer:
    """A CLIP tokenizer that spells letter by letter, but knows `WORDS` whole."""
    letters = string.ascii_lowercase + string.digits + string.punctuation
    merges: list[str] = []
    for word in WORDS:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            merges.append(f"{pieces[0]} {pieces[1]}")
            pieces[:2] = [pieces[0] + pieces[1]]
    merges = list(dict.fromkeys(merges))
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(merge.replace(" ", "") for merge in merges)]
    tokens = list(dict.fromkeys([*tokens, "!", "<|startoftext|>", "<|endoftext|>"]))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
        Path(folder, "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
        # transformers 5 ignores both files unless they are loaded from a folder.
        return transformers.CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS, pad_token=pad)


@functools.cache
def tiny_t5_tokenizer() -> transformers.T5TokenizerFast:
    """A T5 tokenizer of `WORDS` and letters."""
    pieces = [f"▁{word}" for word in WORDS] + ["▁", *string.ascii_lowercase, ","]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(piece, -float(number)) for number, piece in enumerate(dict.fromkeys(pieces), start=1)]
    return transformers.T5TokenizerFast(vocab=vocabulary, extra_ids=0, model_max_length=TOKENS)


@functools.cache
def tiny_xlm_roberta_tokenizer() -> transformers.XLMRobertaTokenizerFast:
    """An XLM-RoBERTa tokenizer of `WORDS` and letters."""
    pieces = [f"▁{word}" for word in WORDS] + ["▁", *string.ascii_lowercase, ","]
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary += [(piece, -float(number)) for number, piece in enumerate(dict.fromkeys(pieces), start=1)]
    vocabulary.append(("<mask>", 0.0))
    return transformers.XLMRobertaTokenizerFast(vocab=vocabulary, model_max_length=TOKENS)


def _clip_text_config(**settings: object) -> transformers.CLIPTextConfig:
    tokenizer = tiny_clip_tokenizer()
    return transformers.CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **settings,
    )


def _t5_encoder(width: int = TEXT_WIDTH) -> transformers.T5EncoderModel:
    return transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=len(tiny_t5_tokenizer()), d_model=width, d_kv=8, d_ff=width, num_layers=1, num_heads=4
        )
    ).eval()


def _vision_config() -> transformers.CLIPVisionConfig:
    return transformers.CLIPVisionConfig(
        hidden_size=TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        intermediate_size=TEXT_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )


def _image_processor() -> transformers.CLIPImageProcessor:
    return transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


# Pipelines


def save_stable_diffusion(
    folder: Path, seed: int = 0, prediction: str = "epsilon", flagged: bool | None = None
) -> None:
    """Save a StableDiffusionPipeline; `flagged` adds a safety checker that flags every picture (or none)."""
    with seeded(seed):
        checker = None if flagged is None else tiny_safety_checker(flagged)
        diffusers.StableDiffusionPipeline(
            vae=tiny_autoencoder_kl(),
            text_encoder=transformers.CLIPTextModel(_clip_text_config()).eval(),
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
                prediction_type=prediction,
            ),
            safety_checker=checker,
            feature_extractor=_image_processor() if checker else None,
            requires_safety_checker=False,
        ).save_pretrained(folder)


def tiny_safety_checker(flagged: bool) -> StableDiffusionSafetyChecker:
    """The safety checker of Stable Diffusion, with thresholds that every picture passes or fails."""
    checker = StableDiffusionSafetyChecker(
        transformers.CLIPConfig(vision_config=_vision_config().to_dict(), projection_dim=TEXT_WIDTH)
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
            text_encoder=transformers.CLIPTextModel(_clip_text_config(hidden_act="quick_gelu")).eval(),
            text_encoder_2=transformers.CLIPTextModelWithProjection(_clip_text_config(hidden_act="gelu")).eval(),
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
                beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
            ),
            add_watermarker=False,
        ).save_pretrained(folder)


def save_stable_diffusion_3(folder: Path, seed: int = 0) -> None:
    """Save a StableDiffusion3Pipeline with all three text encoders."""
    with seeded(seed):
        diffusers.StableDiffusion3Pipeline(
            vae=tiny_autoencoder_kl(16, scaling_factor=1.5305),
            text_encoder=transformers.CLIPTextModelWithProjection(_clip_text_config()).eval(),
            text_encoder_2=transformers.CLIPTextModelWithProjection(_clip_text_config(hidden_act="gelu")).eval(),
            # As wide as both CLIP encoders together, which are padded to its width.
            text_encoder_3=_t5_encoder(2 * TEXT_WIDTH),
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
            ),
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        ).save_pretrained(folder)


def save_flux(folder: Path, seed: int = 0) -> None:
    """Save a FluxPipeline."""
    with seeded(seed):
        diffusers.FluxPipeline(
            vae=tiny_autoencoder_kl(16, scaling_factor=0.3611),
            text_encoder=transformers.CLIPTextModel(_clip_text_config()).eval(),
            text_encoder_2=_t5_encoder(),
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
                guidance_embeds=True,
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
            image_encoder=transformers.CLIPVisionModelWithProjection(_vision_config()).eval(),
            text_encoder=transformers.CLIPTextModelWithProjection(_clip_text_config()).eval(),
            tokenizer=tiny_clip_tokenizer(),
            scheduler=diffusers.UnCLIPScheduler(
                variance_type="fixed_small_log",
                prediction_type="sample",
                num_train_timesteps=1000,
                clip_sample=True,
                clip_sample_range=10.0,
            ),
            image_processor=_image_processor(),
        ).save_pretrained(Path(folder) / "prior")


def save_vq_diffusion(folder: Path, seed: int = 0) -> None:
    """Save a VQDiffusionPipeline for 32x32 images."""
    codes = 16
    with seeded(seed):
        embeddings = LearnedClassifierFreeSamplingEmbeddings(learnable=True, hidden_size=TEXT_WIDTH, length=TOKENS)
        diffusers.VQDiffusionPipeline(
            vqvae=tiny_vq_model(codes),
            text_encoder=transformers.CLIPTextModel(_clip_text_config()).eval(),
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
    "sd2base": functools.partial(save_stable_diffusion, seed=1),
    "sd21": functools.partial(save_stable_diffusion, seed=2, prediction="v_prediction"),
    "sdxl": save_stable_diffusion_xl,
    "sd35": save_stable_diffusion_3,
    "flux": save_flux,
    "kd21": save_kandinsky,
    "vqdm": save_vq_diffusion,
}
