"""Pipelines newer than the published study's, in diffusers' own layout, with random weights: `NEW_PIPELINES`.

Where a pipeline only reads the hidden states of its text encoder, one small language model stands in for it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.models.unets import StableCascadeUNet
from diffusers.modular_pipelines.flux3 import Flux3DistilledAutoBlocks
from diffusers.pipelines.deprecated.wuerstchen.modeling_paella_vq_model import PaellaVQModel

from tiny_autoencoders import GROUPS, seeded, tiny_autoencoder_kl
from tiny_encoders import TEXT_WIDTH, clip_text_config, t5_encoder, tiny_clip_tokenizer, tiny_t5_tokenizer

CHAT = "{% for m in messages %}{{ m.content if m.content is string else m.content[0].text }} {% endfor %}"


def chat_tokenizer() -> transformers.PreTrainedTokenizerBase:
    """A tokenizer of letters and a few words that lays out chats."""
    tokenizer = tiny_t5_tokenizer()
    tokenizer.chat_template = CHAT
    return tokenizer


def language_model(layers: int = 2, vocabulary: int | None = None) -> transformers.Qwen3ForCausalLM:
    return transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(
            vocab_size=vocabulary or len(tiny_t5_tokenizer()),
            hidden_size=TEXT_WIDTH,
            intermediate_size=TEXT_WIDTH,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            pad_token_id=0,
        )
    ).eval()


def flow_matching(**settings: Any) -> diffusers.FlowMatchEulerDiscreteScheduler:
    return diffusers.FlowMatchEulerDiscreteScheduler(**settings)


def tiny_qwen_image_autoencoder() -> diffusers.AutoencoderKLQwenImage:
    """An autoencoder of five-dimensional tensors; it reduces a side by 8."""
    return diffusers.AutoencoderKLQwenImage(base_dim=8, dim_mult=[1, 1, 1, 1], num_res_blocks=1)


def tiny_flux2_autoencoder() -> diffusers.AutoencoderKLFlux2:
    """An autoencoder with normalised patches of latents; it reduces a side by 2."""
    return diffusers.AutoencoderKLFlux2(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=GROUPS,
        sample_size=32,
    )


def tiny_autoencoder_dc() -> diffusers.AutoencoderDC:
    """An autoencoder without a distribution; it reduces a side by 4."""
    return diffusers.AutoencoderDC(
        latent_channels=4,
        attention_head_dim=4,
        encoder_block_types="ResBlock",
        decoder_block_types="ResBlock",
        encoder_block_out_channels=(8, 8, 16),
        decoder_block_out_channels=(8, 8, 16),
        encoder_layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        encoder_qkv_multiscales=((), (), ()),
        decoder_qkv_multiscales=((), (), ()),
        scaling_factor=0.41407,
    )


def save_qwen_image(folder: Path) -> None:
    diffusers.QwenImagePipeline(
        scheduler=flow_matching(),
        vae=tiny_qwen_image_autoencoder(),
        text_encoder=language_model(),
        tokenizer=chat_tokenizer(),
        transformer=diffusers.QwenImageTransformer2DModel(
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=TEXT_WIDTH,
            axes_dims_rope=(4, 4, 8),
        ),
    ).save_pretrained(folder)


def save_z_image(folder: Path) -> None:
    diffusers.ZImagePipeline(
        scheduler=flow_matching(shift=3.0),
        vae=tiny_autoencoder_kl(16, scaling_factor=0.3611),
        text_encoder=language_model(),
        tokenizer=chat_tokenizer(),
        transformer=diffusers.ZImageTransformer2DModel(
            dim=32,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=TEXT_WIDTH,
            axes_dims=[4, 4, 8],
            axes_lens=[512, 64, 64],
        ),
    ).save_pretrained(folder)


def flux2_transformer(layers: int, guidance: bool) -> diffusers.Flux2Transformer2DModel:
    return diffusers.Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=layers * TEXT_WIDTH,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=guidance,
    )


def save_flux2(folder: Path) -> None:
    diffusers.Flux2Pipeline(
        scheduler=flow_matching(),
        vae=tiny_flux2_autoencoder(),
        text_encoder=language_model(),
        tokenizer=chat_tokenizer(),
        transformer=flux2_transformer(2, guidance=True),
    ).save_pretrained(folder)


def save_flux2_klein(folder: Path, is_distilled: bool = False) -> None:
    diffusers.Flux2KleinPipeline(
        scheduler=flow_matching(),
        vae=tiny_flux2_autoencoder(),
        text_encoder=language_model(),
        tokenizer=chat_tokenizer(),
        transformer=flux2_transformer(2, guidance=False),
        is_distilled=is_distilled,
    ).save_pretrained(folder)


def save_sana(folder: Path) -> None:
    diffusers.SanaPipeline(
        tokenizer=chat_tokenizer(),
        text_encoder=language_model().model,
        vae=tiny_autoencoder_dc(),
        transformer=diffusers.SanaTransformer2DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=16,
            num_layers=1,
            num_cross_attention_heads=2,
            cross_attention_head_dim=16,
            cross_attention_dim=32,
            caption_channels=TEXT_WIDTH,
            sample_size=32,
        ),
        scheduler=diffusers.DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True),
    ).save_pretrained(folder)


def save_pixart_sigma(folder: Path) -> None:
    diffusers.PixArtSigmaPipeline(
        tokenizer=tiny_t5_tokenizer(),
        text_encoder=t5_encoder(),
        vae=tiny_autoencoder_kl(),
        transformer=diffusers.PixArtTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            num_layers=1,
            cross_attention_dim=32,
            caption_channels=TEXT_WIDTH,
            sample_size=32,
            use_additional_conditions=False,
        ),
        scheduler=diffusers.DPMSolverMultistepScheduler(),
    ).save_pretrained(folder)


def save_chroma(folder: Path) -> None:
    diffusers.ChromaPipeline(
        scheduler=flow_matching(),
        vae=tiny_autoencoder_kl(16, scaling_factor=0.3611),
        text_encoder=t5_encoder(),
        tokenizer=tiny_t5_tokenizer(),
        transformer=diffusers.ChromaTransformer2DModel(
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=TEXT_WIDTH,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=32,
            approximator_hidden_dim=32,
            approximator_layers=1,
        ),
    ).save_pretrained(folder)


def save_lumina2(folder: Path) -> None:
    diffusers.Lumina2Pipeline(
        transformer=diffusers.Lumina2Transformer2DModel(
            hidden_size=32,
            num_layers=1,
            num_refiner_layers=1,
            num_attention_heads=2,
            num_kv_heads=1,
            multiple_of=16,
            axes_dim_rope=(4, 4, 8),
            axes_lens=(512, 64, 64),
            cap_feat_dim=TEXT_WIDTH,
        ),
        scheduler=flow_matching(),
        vae=diffusers.AutoencoderKL(
            block_out_channels=(4, 4, 4, 8),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=16,
            norm_num_groups=GROUPS,
            shift_factor=0.1,
        ),
        text_encoder=language_model().model,
        tokenizer=chat_tokenizer(),
    ).save_pretrained(folder)


def save_krea2(folder: Path) -> None:
    width = {"hidden_size": TEXT_WIDTH, "intermediate_size": TEXT_WIDTH}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    text = {**width, **heads, "num_hidden_layers": 2, "vocab_size": len(tiny_t5_tokenizer()), "pad_token_id": 0}
    text["rope_parameters"] = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}
    vision = {**width, "depth": 1, "num_heads": 2, "out_hidden_size": TEXT_WIDTH, "deepstack_visual_indexes": []}
    diffusers.Krea2Pipeline(
        scheduler=flow_matching(),
        vae=tiny_qwen_image_autoencoder(),
        text_encoder=transformers.Qwen3VLModel(
            transformers.Qwen3VLConfig(text_config=text, vision_config=vision)
        ).eval(),
        tokenizer=chat_tokenizer(),
        transformer=diffusers.Krea2Transformer2DModel(
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            num_key_value_heads=1,
            intermediate_size=32,
            timestep_embed_dim=16,
            text_hidden_dim=TEXT_WIDTH,
            num_text_layers=2,
            text_num_attention_heads=2,
            text_num_key_value_heads=2,
            text_intermediate_size=32,
            num_layerwise_text_blocks=1,
            num_refiner_text_blocks=1,
            axes_dims_rope=(4, 4, 8),
        ),
        text_encoder_select_layers=(0, 1),
    ).save_pretrained(folder)


def vision_processor() -> transformers.Qwen3VLProcessor:
    """A processor of chats and pictures that spells letter by letter."""
    tokenizer = transformers.Qwen2TokenizerFast(
        vocab={letter: number for number, letter in enumerate(["<|image_pad|>", *map(chr, range(33, 127)), "Ġ", "Ċ"])},
        merges=[],
        chat_template=CHAT,
        extra_special_tokens={"image_token": "<|image_pad|>"},
        pad_token="!",
    )
    return transformers.Qwen3VLProcessor(
        transformers.Qwen2VLImageProcessor(), tokenizer, transformers.Qwen3VLVideoProcessor(), CHAT
    )


def save_qwen_image_21(folder: Path, opacity: float = 9.0) -> None:
    """Save a pipeline whose decoder puts out RGBA; the last channel is biased by `opacity`."""
    processor = vision_processor()
    vae = diffusers.AutoencoderKLQwenImage21(
        base_dim=4,
        decoder_base_dim=4,
        z_dim=8,
        dim_mult=[1, 1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[0.0] * 8,
        latents_std=[1.0] * 8,
    )
    with torch.no_grad():
        vae.decoder.conv_out.bias[3] += opacity
    diffusers.QwenImage21Pipeline(
        scheduler=flow_matching(),
        vae=vae,
        text_encoder=language_model(vocabulary=len(processor.tokenizer)),
        processor=processor,
        transformer=diffusers.QwenImage21Transformer2DModel(
            in_channels=8,
            out_channels=8,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            context_in_dim=TEXT_WIDTH,
            axes_dims_rope=(4, 4, 8),
        ),
    ).save_pretrained(folder)


def save_hunyuan_image(folder: Path) -> None:
    diffusers.HunyuanImagePipeline(
        scheduler=flow_matching(),
        vae=diffusers.AutoencoderKLHunyuanImage(
            in_channels=3,
            out_channels=3,
            latent_channels=8,
            block_out_channels=(32, 32, 32),
            layers_per_block=1,
            spatial_compression_ratio=4,
            sample_size=64,
            scaling_factor=0.75,
        ),
        text_encoder=language_model(3),
        tokenizer=chat_tokenizer(),
        text_encoder_2=t5_encoder(),
        tokenizer_2=transformers.ByT5Tokenizer(),
        transformer=diffusers.HunyuanImageTransformer2DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=16,
            num_layers=1,
            num_single_layers=1,
            num_refiner_layers=1,
            text_embed_dim=TEXT_WIDTH,
            text_embed_2_dim=TEXT_WIDTH,
            rope_axes_dim=(8, 8),
        ),
    ).save_pretrained(folder)


def save_flux3_klein(folder: Path) -> None:
    """Save a modular pipeline with the block that rewrites prompts, and without the model for it."""
    pipeline = Flux3DistilledAutoBlocks().init_pipeline()
    processor = vision_processor()
    pipeline.update_components(
        vae=tiny_flux2_autoencoder(),
        text_encoder=language_model(vocabulary=len(processor.tokenizer)),
        tokenizer=processor,
        transformer=diffusers.Flux3Transformer2DModel(
            in_channels=16,
            cond_in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=2 * TEXT_WIDTH,
            timestep_channels=16,
            axes_dims_rope=(4, 4, 4, 4),
            flow_map=True,
        ),
    )
    pipeline.save_pretrained(str(folder), overwrite_modular_index=True)
    # As on the hub, where the index names the repository.
    index = folder / "modular_model_index.json"
    index.write_text(index.read_text().replace(str(folder), "someone/klein"))


def save_stable_cascade(folder: Path) -> None:
    """Save a StableCascadeDecoderPipeline, which diffusers writes and cannot read."""
    diffusers.StableCascadeDecoderPipeline(
        decoder=StableCascadeUNet(
            in_channels=4,
            out_channels=4,
            patch_size=2,
            block_out_channels=(16, 16),
            num_attention_heads=(2, 2),
            down_num_layers_per_block=(1, 1),
            up_num_layers_per_block=(1, 1),
            conditioning_dim=TEXT_WIDTH,
            clip_text_pooled_in_channels=TEXT_WIDTH,
            effnet_in_channels=16,
        ),
        scheduler=diffusers.DDPMWuerstchenScheduler(),
        tokenizer=tiny_clip_tokenizer(),
        text_encoder=transformers.CLIPTextModelWithProjection(clip_text_config()).eval(),
        vqgan=PaellaVQModel(bottleneck_blocks=1, embed_dim=16, num_vq_embeddings=16),
    ).save_pretrained(folder)


NEW_PIPELINES: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
    "QwenImagePipeline": (save_qwen_image, {"guidance": None}),
    "ZImagePipeline": (save_z_image, {}),
    "Flux2Pipeline": (save_flux2, {"arguments": {"text_encoder_out_layers": [0, 1]}}),
    "Flux2KleinPipeline": (save_flux2_klein, {"arguments": {"text_encoder_out_layers": [0, 1]}}),
    "SanaPipeline": (save_sana, {"arguments": {"complex_human_instruction": None}}),
    "PixArtSigmaPipeline": (save_pixart_sigma, {}),
    "ChromaPipeline": (save_chroma, {}),
    "Lumina2Pipeline": (save_lumina2, {}),
    "Krea2Pipeline": (save_krea2, {}),
    "QwenImage21Pipeline": (save_qwen_image_21, {}),
    "Flux3DistilledModularPipeline": (save_flux3_klein, {"arguments": {"text_encoder_out_layers": [0, 1]}}),
    "HunyuanImagePipeline": (save_hunyuan_image, {}),
}


def save_new_pipeline(name: str, folder: Path, **options: Any) -> Path:
    """Save the tiny pipeline of a class of diffusers to a folder, and return that."""
    with seeded(0):
        NEW_PIPELINES[name][0](folder, **options)
    return folder
