"""Tiny models whose denoisers are called by hand, and the errors of the noise that they then predict: `MODELS`.

Latents, noise and the network are those of the pipeline. All else is written out here: embeddings of the empty prompt,
packing, normalisation, the convention of times, guidance.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
from safetensors.torch import load_file, save_file

import tiny_models
from published_repositories import change_settings
from tiny_pipelines import save_new_pipeline

CPU = torch.device("cpu")
# Some steps of a schedule that keeps the variance, and levels of flow matching.
TIMES = (120, 700)
LEVELS = (0.3, 1.7)
LAYERS = {"text_encoder_out_layers": (0, 1)}

# Takes the latents of one image as the denoiser has them, with a batch axis, and a time; returns the network's answer.
Ask = Callable[[torch.Tensor, Any], torch.Tensor]


@dataclass(frozen=True)
class Model:
    """A tiny model: how it is saved, its settings, the shape of its latents, and how it is asked by hand.

    `normalise` takes the autoencoder's latents to the denoiser's, `ask` a pipeline to an `Ask`.
    """

    pipeline: str
    save: Callable[[Path], object]
    ask: Callable[[Any], Ask] | None = None
    normalise: Callable[[Any, torch.Tensor], torch.Tensor] = lambda pipeline, latents: latents
    shape: tuple[int, ...] = (4, 32, 48)
    settings: dict[str, Any] = field(default_factory=dict)
    factor: int = 2


# Calls by hand.


def ask_stable_diffusion(pipeline: Any) -> Ask:
    tokens = pipeline.tokenizer("", padding="max_length", max_length=77, return_tensors="pt").input_ids
    text = pipeline.text_encoder(tokens)[0]
    return lambda latents, time: pipeline.unet(latents, time, encoder_hidden_states=text).sample


def ask_stable_diffusion_xl(pipeline: Any) -> Ask:
    text, _, pooled, _ = pipeline.encode_prompt("", device=CPU, do_classifier_free_guidance=False)

    def ask(latents: torch.Tensor, time: Any) -> torch.Tensor:
        height, width = (2 * side for side in latents.shape[-2:])
        added = {"text_embeds": pooled, "time_ids": torch.tensor([[height, width, 0.0, 0, height, width]])}
        return pipeline.unet(latents, time, encoder_hidden_states=text, added_cond_kwargs=added).sample

    return ask


def ask_stable_diffusion_3(pipeline: Any) -> Ask:
    assert pipeline.text_encoder_3 is None
    text, _, pooled, _ = pipeline.encode_prompt("", None, None, do_classifier_free_guidance=False)

    def ask(latents: torch.Tensor, share: float) -> torch.Tensor:
        time = torch.tensor([1000 * share])
        return pipeline.transformer(
            latents, encoder_hidden_states=text, pooled_projections=pooled, timestep=time
        ).sample

    return ask


def pack(latents: torch.Tensor) -> torch.Tensor:
    """Return (1, channels, height, width) as squares of 2x2: (1, squares, 4 channels)."""
    _, channels, height, width = latents.shape
    squares = latents.reshape(channels, height // 2, 2, width // 2, 2).permute(1, 3, 0, 2, 4)
    return squares.reshape(1, height * width // 4, 4 * channels)


def unpack(packed: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    channels, height, width = shape
    squares = packed.reshape(height // 2, width // 2, channels, 2, 2).permute(2, 0, 3, 1, 4)
    return squares.reshape(1, *shape)


def positions(shape: tuple[int, ...]) -> torch.Tensor:
    """Return [0, row, column] of each square."""
    rows, columns = shape[-2] // 2, shape[-1] // 2
    return torch.tensor([[0, row, column] for row in range(rows) for column in range(columns)]).float()


def ask_flux(scale: float | None) -> Callable[[Any], Ask]:
    def prepare(pipeline: Any) -> Ask:
        text, pooled, _ = pipeline.encode_prompt("", None)
        guidance = None if scale is None else torch.tensor([scale])

        def ask(latents: torch.Tensor, share: float) -> torch.Tensor:
            shape = latents.shape[1:]
            said = pipeline.transformer(
                pack(latents),
                encoder_hidden_states=text,
                pooled_projections=pooled,
                timestep=torch.tensor([share]),
                img_ids=positions(shape),
                txt_ids=torch.zeros(text.shape[1], 3),
                guidance=guidance,
            )
            return unpack(said.sample, shape)

        return ask

    return prepare


def ask_chroma(pipeline: Any) -> Ask:
    text, _, mask, *_ = pipeline.encode_prompt("", do_classifier_free_guidance=False)

    def ask(latents: torch.Tensor, share: float) -> torch.Tensor:
        shape = latents.shape[1:]
        places = positions(shape)
        said = pipeline.transformer(
            pack(latents),
            encoder_hidden_states=text,
            timestep=torch.tensor([share]),
            img_ids=places,
            txt_ids=torch.zeros(text.shape[1], 3),
            attention_mask=torch.cat([mask, torch.ones(1, len(places), dtype=mask.dtype)], dim=1),
        )
        return unpack(said.sample, shape)

    return ask


def ask_flux_2(scale: float | None) -> Callable[[Any], Ask]:
    def prepare(pipeline: Any) -> Ask:
        text, _ = pipeline.encode_prompt("", **LAYERS)
        text_places = torch.tensor([[0, 0, 0, at] for at in range(text.shape[1])])
        guidance = None if scale is None else torch.tensor([scale])

        def ask(latents: torch.Tensor, share: float) -> torch.Tensor:
            _, channels, rows, columns = latents.shape
            said = pipeline.transformer(
                latents.flatten(2).transpose(1, 2),
                encoder_hidden_states=text,
                timestep=torch.tensor([share]),
                img_ids=torch.tensor([[[0, row, column, 0] for row in range(rows) for column in range(columns)]]),
                txt_ids=text_places[None],
                guidance=guidance,
            )
            return said.sample.transpose(1, 2).reshape(latents.shape)

        return ask

    return prepare


def squares_as_channels(latents: torch.Tensor) -> torch.Tensor:
    """Return (1, channels, height, width) as (1, 4 channels, height / 2, width / 2)."""
    _, _, height, width = latents.shape
    return pack(latents).reshape(1, height // 2, width // 2, -1).permute(0, 3, 1, 2)


def normalise_flux_2(pipeline: Any, latents: torch.Tensor) -> torch.Tensor:
    norm = pipeline.vae.bn
    assert norm.running_mean.std() > 0.5 and norm.running_var.std() > 0.5
    deviation = (norm.running_var + pipeline.vae.config.batch_norm_eps) ** 0.5
    return (squares_as_channels(latents) - norm.running_mean[:, None, None]) / deviation[:, None, None]


def save_flux_2(name: str, folder: Path) -> None:
    save_new_pipeline(name, folder)
    (file,) = (folder / "vae").glob("*.safetensors")
    tensors, drawn = load_file(file), torch.Generator().manual_seed(0)
    tensors["bn.running_mean"] = torch.randn(16, generator=drawn)
    tensors["bn.running_var"] = 0.5 + 4 * torch.rand(16, generator=drawn)
    save_file(tensors, file, {"format": "pt"})


def ask_qwen_image(pipeline: Any) -> Ask:
    text, mask = pipeline.encode_prompt("")

    def ask(latents: torch.Tensor, share: float) -> torch.Tensor:
        channels, _, height, width = latents.shape[1:]
        said = pipeline.transformer(
            pack(latents[:, :, 0]),
            encoder_hidden_states=text,
            encoder_hidden_states_mask=mask,
            timestep=torch.tensor([share]),
            img_shapes=[[(1, height // 2, width // 2)]],
        )
        return unpack(said.sample, (channels, height, width))[:, :, None]

    return ask


def normalise_qwen_image(pipeline: Any, latents: torch.Tensor) -> torch.Tensor:
    mean, deviation = (
        torch.tensor(pipeline.vae.config[name])[:, None, None, None] for name in ("latents_mean", "latents_std")
    )
    return (latents - mean) / deviation


def ask_z_image(pipeline: Any) -> Ask:
    text, _ = pipeline.encode_prompt("", CPU, do_classifier_free_guidance=False)

    def ask(latents: torch.Tensor, share: float) -> torch.Tensor:
        # Time runs from noise to image, and so does the velocity.
        (said,) = pipeline.transformer([latents[0, :, None]], torch.tensor([1 - share]), text, return_dict=False)[0]
        return -said[None, :, 0]

    return ask


def ask_lumina_2(pipeline: Any) -> Ask:
    text, mask, *_ = pipeline.encode_prompt("", False)

    def ask(latents: torch.Tensor, share: float) -> torch.Tensor:
        return -pipeline.transformer(latents, torch.tensor([1 - share]), text, mask, return_dict=False)[0]

    return ask


def ask_pixart(pipeline: Any) -> Ask:
    text, mask, *_ = pipeline.encode_prompt("", False)

    def ask(latents: torch.Tensor, time: Any) -> torch.Tensor:
        said = pipeline.transformer(
            latents,
            encoder_hidden_states=text,
            encoder_attention_mask=mask,
            timestep=torch.tensor([time]),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        )
        # The other half is a variance.
        return said.sample[:, :4]

    return ask


def ask_sana(pipeline: Any) -> Ask:
    text, mask, *_ = pipeline.encode_prompt("", False, complex_human_instruction=None)

    def ask(latents: torch.Tensor, share: float) -> torch.Tensor:
        time = torch.tensor([1000 * share * pipeline.transformer.config.timestep_scale])
        return pipeline.transformer(latents, text, time, encoder_attention_mask=mask, return_dict=False)[0]

    return ask


# What is saved.


def replace(folder: Path, part: str, other: Any) -> None:
    """Put another of diffusers' parts in the place of one of a saved model's, or none."""
    named = [None, None] if other is None else ["diffusers", type(other).__name__]
    change_settings(folder / "model_index.json", lambda index: index.update({part: named}))
    if other is not None:
        other.save_pretrained(folder / part)


def save_velocity(folder: Path, kind: str, **settings: Any) -> None:
    tiny_models.save_stable_diffusion_2(folder, 2, "v_prediction")
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    replace(folder, "scheduler", getattr(diffusers, kind)(**betas, prediction_type="v_prediction", **settings))


def save_sd3_without_t5(folder: Path) -> None:
    tiny_models.save_stable_diffusion_3(folder, 4)
    replace(folder, "text_encoder_3", None)
    replace(folder, "tokenizer_3", None)


def scaled(factor: float) -> Callable[[Any, torch.Tensor], torch.Tensor]:
    return lambda pipeline, latents: latents * factor


def shifted(factor: float) -> Callable[[Any, torch.Tensor], torch.Tensor]:
    return lambda pipeline, latents: (latents - 0.1) * factor


SD, SD3, FLUX = "StableDiffusionPipeline", "StableDiffusion3Pipeline", "FluxPipeline"
MODELS = {
    "epsilon": Model(SD, tiny_models.save_stable_diffusion, ask_stable_diffusion, scaled(0.18215)),
    "velocity": Model(
        SD, functools.partial(save_velocity, kind="EulerDiscreteScheduler"), ask_stable_diffusion, scaled(0.18215)
    ),
    "zero_snr": Model(
        SD,
        functools.partial(
            save_velocity, kind="DDIMScheduler", rescale_betas_zero_snr=True, timestep_spacing="trailing"
        ),
        ask_stable_diffusion,
        scaled(0.18215),
        settings={"guidance": 7.5, "arguments": {"guidance_rescale": 0.7}},
    ),
    "sdxl": Model(
        "StableDiffusionXLPipeline",
        tiny_models.save_stable_diffusion_xl,
        ask_stable_diffusion_xl,
        scaled(0.13025),
        settings={"guidance": 5.0, "arguments": {"negative_prompt": "red"}},
    ),
    "sd3": Model(SD3, save_sd3_without_t5, ask_stable_diffusion_3, shifted(1.5305), (16, 20, 32)),
    "flux_dev": Model(FLUX, tiny_models.save_flux, ask_flux(2.5), shifted(0.3611), (16, 32, 48), {"guidance": 2.5}),
    "flux_schnell": Model(
        FLUX, functools.partial(tiny_models.save_flux, guidance=False), ask_flux(None), shifted(0.3611), (16, 32, 48)
    ),
    "flux2": Model(
        "Flux2Pipeline",
        functools.partial(save_flux_2, "Flux2Pipeline"),
        ask_flux_2(3.0),
        normalise_flux_2,
        settings={"guidance": 3.0, "arguments": LAYERS},
    ),
    "flux2_klein": Model(
        "Flux2KleinPipeline",
        functools.partial(save_flux_2, "Flux2KleinPipeline"),
        ask_flux_2(None),
        normalise_flux_2,
        settings={"guidance": 3.0, "arguments": LAYERS},
    ),
    "qwen_image": Model(
        "QwenImagePipeline",
        functools.partial(save_new_pipeline, "QwenImagePipeline"),
        ask_qwen_image,
        normalise_qwen_image,
        (16, 1, 8, 12),
        {"arguments": {"true_cfg_scale": 4.0, "negative_prompt": "red"}},
        8,
    ),
    "z_image": Model(
        "ZImagePipeline",
        functools.partial(save_new_pipeline, "ZImagePipeline"),
        ask_z_image,
        shifted(0.3611),
        (16, 32, 48),
        {"guidance": 4.0},
    ),
    "lumina2": Model(
        "Lumina2Pipeline",
        functools.partial(save_new_pipeline, "Lumina2Pipeline"),
        ask_lumina_2,
        shifted(0.18215),
        (16, 8, 12),
        {"guidance": 4.0},
        8,
    ),
    "pixart_sigma": Model(
        "PixArtSigmaPipeline",
        functools.partial(save_new_pipeline, "PixArtSigmaPipeline"),
        ask_pixart,
        scaled(0.18215),
        settings={"guidance": 4.5},
    ),
    "sana": Model(
        "SanaPipeline",
        functools.partial(save_new_pipeline, "SanaPipeline"),
        ask_sana,
        scaled(0.41407),
        (4, 16, 24),
        {"guidance": 4.5, "arguments": {"complex_human_instruction": None}},
        4,
    ),
    "chroma": Model(
        "ChromaPipeline",
        functools.partial(save_new_pipeline, "ChromaPipeline"),
        ask_chroma,
        shifted(0.3611),
        (16, 32, 48),
        {"guidance": 5.0},
    ),
}


SCHEDULERS = {
    "epsilon": "PNDMScheduler",
    "velocity": "EulerDiscreteScheduler",
    "zero_snr": "DDIMScheduler",
    "sdxl": "EulerDiscreteScheduler",
    "pixart_sigma": "DPMSolverMultistepScheduler",
    "sana": "DPMSolverMultistepScheduler",
}


def levels_of(pipeline: Any) -> tuple[float, ...]:
    """Return the levels of `TIMES` where the variance is kept, otherwise `LEVELS`."""
    kept = getattr(pipeline.scheduler, "alphas_cumprod", None)
    if kept is None or pipeline.scheduler.config.get("use_flow_sigmas"):
        return LEVELS
    return tuple(float(((1 - kept[time]) / kept[time]) ** 0.5) for time in TIMES)


def error_by_hand(model: Model, pipeline: Any, latents: torch.Tensor, noise: torch.Tensor, at: int) -> float:
    """Return the mean square error of the noise, at one of `TIMES` or `LEVELS`."""
    known = model.normalise(pipeline, latents[None])
    if model.pipeline.startswith("Flux2"):
        noise = squares_as_channels(noise[None])[0]
    assert model.ask is not None
    ask = model.ask(pipeline)
    if levels_of(pipeline) == LEVELS:
        share = LEVELS[at] / (1 + LEVELS[at])
        mixed = (1 - share) * known + share * noise
        said = mixed + (1 - share) * ask(mixed, share)
    else:
        kept = pipeline.scheduler.alphas_cumprod[TIMES[at]]
        mixed = kept**0.5 * known + (1 - kept) ** 0.5 * noise
        said = ask(mixed, TIMES[at])
        if pipeline.scheduler.config.prediction_type == "v_prediction":
            said = kept**0.5 * said + (1 - kept) ** 0.5 * mixed
    return float((said - noise).square().mean())
