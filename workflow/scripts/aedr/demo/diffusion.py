"""Training of the demo models' denoisers with their text encoders, inside the pipelines that will run them.

Prompts are encoded by the pipelines' own methods, so that training and generation see the same inputs. Each pipeline is
trained with the objective of its method:

* StableDiffusionPipeline, StableDiffusionXLPipeline: velocity (Salimans and Ho, arXiv 2202.00512, appendix D) on a
  schedule that ends in pure noise (Lin et al., arXiv 2305.08891);
* StableDiffusion3Pipeline: rectified flow, times drawn logit-normal (Esser et al., arXiv 2403.03206, section 3.1);
* VQDiffusionPipeline: the masked and uniform replacement of codes, with the prediction of the undisturbed codes
  (Gu et al., arXiv 2111.14822, section 4; only its auxiliary loss, which is the cross-entropy).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy
import torch
from torch.nn import functional

from aedr.autoencoders.loading import Autoencoder
from aedr.demo.training import Average, learning_rate_at
from aedr.errors import UserError
from aedr.jobs import progress

Tensor = torch.Tensor
Prompts = Sequence[str]
# Without T5, StableDiffusion3Pipeline appends this many zero vectors to a prompt (its max_sequence_length).
T5_TOKENS = 256


def build_pipeline(model: Mapping[str, Any], text: Mapping[str, Any], autoencoder: Autoencoder, tokenizer: Any) -> Any:
    """Return an untrained diffusers pipeline around a trained autoencoder.

    model: the model's entry in demo/training.yaml; text: its `text` section; tokenizer: a CLIPTokenizer.
    """
    import diffusers

    vae = autoencoder.network
    settings = model["denoiser"]
    denoiser = getattr(diffusers, settings["class"])(**settings["config"])
    schedule = model["scheduler"]
    scheduler = getattr(diffusers, schedule["class"])(**schedule["config"])
    encoders = [build_text_encoder(name, text, tokenizer) for name in model["text_encoders"]]
    kind = model["pipeline"]
    if kind == "StableDiffusionPipeline":
        return diffusers.StableDiffusionPipeline(
            vae=vae, text_encoder=encoders[0], tokenizer=tokenizer, unet=denoiser, scheduler=scheduler,
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
    if kind == "StableDiffusionXLPipeline":
        return diffusers.StableDiffusionXLPipeline(
            vae=vae, text_encoder=encoders[0], text_encoder_2=encoders[1], tokenizer=tokenizer, tokenizer_2=tokenizer,
            unet=denoiser, scheduler=scheduler, force_zeros_for_empty_prompt=False, add_watermarker=False,
        )  # fmt: skip
    if kind == "StableDiffusion3Pipeline":
        return diffusers.StableDiffusion3Pipeline(
            vae=vae, text_encoder=encoders[0], text_encoder_2=encoders[1], text_encoder_3=None, tokenizer=tokenizer,
            tokenizer_2=tokenizer, tokenizer_3=None, transformer=denoiser, scheduler=scheduler,
        )  # fmt: skip
    if kind == "VQDiffusionPipeline":
        from diffusers.pipelines.deprecated.vq_diffusion.pipeline_vq_diffusion import (
            LearnedClassifierFreeSamplingEmbeddings,
        )

        return diffusers.VQDiffusionPipeline(
            vqvae=vae, text_encoder=encoders[0], tokenizer=tokenizer, transformer=denoiser, scheduler=scheduler,
            learned_classifier_free_sampling_embeddings=LearnedClassifierFreeSamplingEmbeddings(
                learnable=True, hidden_size=text["encoder"]["hidden_size"], length=text["length"]
            ),
        )  # fmt: skip
    raise UserError(
        f"demo/training.yaml: the pipeline '{kind}' cannot be trained here; expected StableDiffusionPipeline, "
        "StableDiffusionXLPipeline, StableDiffusion3Pipeline or VQDiffusionPipeline"
    )


def build_text_encoder(name: str, text: Mapping[str, Any], tokenizer: Any) -> torch.nn.Module:
    """Return a small CLIPTextModel or CLIPTextModelWithProjection (`name`) for a tokenizer's vocabulary."""
    import transformers

    config = transformers.CLIPTextConfig(
        **text["encoder"],
        vocab_size=len(tokenizer),
        max_position_embeddings=text["length"],
        projection_dim=text["encoder"]["hidden_size"],
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    # With the end-of-text id 2 of older configurations, transformers would pool the largest token instead.
    return getattr(transformers, name)(config)


def trained_modules(pipeline: Any) -> torch.nn.ModuleDict:
    """Return the modules of the pipeline that are trained here: all except the autoencoder."""
    return torch.nn.ModuleDict(
        {
            name: module
            for name, module in pipeline.components.items()
            if isinstance(module, torch.nn.Module) and name not in ("vae", "vqvae")
        }
    )


@contextmanager
def merged_adapter(pipeline: Any, lora: Mapping[str, Any] | None) -> Iterator[None]:
    """Give the pipeline's UNet a low-rank adapter, which alone can be trained, and merge it into the weights at the
    end.

    lora: arguments of peft's LoraConfig. Without them, nothing is added and all weights can be trained.
    """
    modules = trained_modules(pipeline).requires_grad_(lora is None)
    if lora is not None:
        from peft import LoraConfig

        pipeline.unet.add_adapter(LoraConfig(**lora))
    yield
    if lora is not None:
        pipeline.unet.fuse_lora()
        pipeline.unet.unload_lora()
    modules.requires_grad_(True)


@torch.no_grad()
def encode_pictures(autoencoder: Autoencoder, pictures: Tensor) -> Tensor:
    """Return the denoiser's targets for pictures (n, 3, height, width): scaled latents, or codes (n, positions)."""
    network, latents = autoencoder.network, autoencoder.encode(pictures)
    if autoencoder.has_codebook:
        return network.quantize(latents)[2][2].reshape(len(pictures), -1)
    return (latents - (network.config.get("shift_factor") or 0.0)) * network.config.get("scaling_factor", 1.0)


def velocity_loss(pipeline: Any, latents: Tensor, prompts: Prompts, generator: torch.Generator) -> Tensor:
    """Return the loss of the UNet of a StableDiffusionPipeline or StableDiffusionXLPipeline."""
    count = len(latents)
    noise = torch.randn(latents.shape, generator=generator)
    times = torch.randint(0, pipeline.scheduler.config.num_train_timesteps, (count,), generator=generator)
    noised = pipeline.scheduler.add_noise(latents, noise, times)
    embeddings, _, *pooled = pipeline.encode_prompt(
        prompt=list(prompts), device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    conditions = {}
    if pooled:
        side = float(latents.shape[-1] * pipeline.vae_scale_factor)
        sizes = torch.tensor([[side, side, 0.0, 0.0, side, side]]).repeat(count, 1)
        conditions = {"added_cond_kwargs": {"text_embeds": pooled[0], "time_ids": sizes}}
    predicted = pipeline.unet(noised, times, encoder_hidden_states=embeddings, **conditions).sample
    return functional.mse_loss(predicted, pipeline.scheduler.get_velocity(latents, noise, times))


class CountedAttention:
    """SD3's joint attention, in which the last text token counts as `copies` equal ones.

    Without its T5 encoder, the pipeline appends 256 zero vectors to every prompt. They have no positions, so they stay
    equal in every block. A single one gives the same result for a third of the work, if its key's logit is raised by
    the logarithm of their number.
    """

    def __init__(self, copies: int) -> None:
        self.bonus = math.log(copies)

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Return the attended (picture tokens, text tokens), both (n, tokens, width)."""

        def joined(of_pictures: torch.nn.Module, of_text: torch.nn.Module) -> Tensor:
            both = torch.cat([of_pictures(hidden_states), of_text(encoder_hidden_states)], dim=1)
            return both.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

        query, key, value = (
            joined(attn.to_q, attn.add_q_proj),
            joined(attn.to_k, attn.add_k_proj),
            joined(attn.to_v, attn.add_v_proj),
        )
        bonus = torch.zeros(query.shape[2], key.shape[2])
        bonus[:, -1] = self.bonus
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bonus)
        pictures, text = mixed.transpose(1, 2).flatten(2).tensor_split([hidden_states.shape[1]], dim=1)
        return attn.to_out[0](pictures), text if attn.context_pre_only else attn.to_add_out(text)


def flow_loss(pipeline: Any, latents: Tensor, prompts: Prompts, generator: torch.Generator) -> Tensor:
    """Return the loss of the transformer of a StableDiffusion3Pipeline."""
    noise = torch.randn(latents.shape, generator=generator)
    times = torch.sigmoid(torch.randn(len(latents), generator=generator))
    shares = times[:, None, None, None]
    embeddings, _, pooled, _ = pipeline.encode_prompt(
        prompt=list(prompts), prompt_2=None, prompt_3=None, device="cpu", do_classifier_free_guidance=False,
        max_sequence_length=1,
    )  # fmt: skip
    predicted = pipeline.transformer(
        hidden_states=(1 - shares) * latents + shares * noise,
        timestep=times * pipeline.scheduler.config.num_train_timesteps,
        encoder_hidden_states=embeddings,
        pooled_projections=pooled,
    ).sample
    return functional.mse_loss(predicted, noise - latents)


def code_loss(pipeline: Any, codes: Tensor, prompts: Prompts, generator: torch.Generator) -> Tensor:
    """Return the loss of the transformer of a VQDiffusionPipeline; codes: (n, positions)."""
    schedule = pipeline.scheduler
    # The transformer's norms accept only one time for the whole batch.
    time = torch.randint(0, schedule.config.num_train_timesteps, (1,), generator=generator)
    chance = torch.rand(codes.shape, generator=generator)
    kept, masked = schedule.log_cumprod_at[time].exp(), schedule.log_cumprod_ct[time].exp()
    replaced = torch.randint(0, schedule.mask_class, codes.shape, generator=generator)
    disturbed = torch.where(chance < kept, codes, replaced)
    disturbed = torch.where(chance > 1 - masked, schedule.mask_class, disturbed)
    embeddings = pipeline._encode_prompt(list(prompts), 1, False)
    learned = pipeline.learned_classifier_free_sampling_embeddings.embeddings
    empty = torch.tensor([prompt == "" for prompt in prompts])[:, None, None]
    embeddings = torch.where(empty, learned.unsqueeze(0), embeddings)
    logarithms = pipeline.transformer(disturbed, encoder_hidden_states=embeddings, timestep=time[0]).sample
    return functional.nll_loss(logarithms, codes)


OBJECTIVES: dict[str, Callable[[Any, Tensor, Prompts, torch.Generator], Tensor]] = {
    "StableDiffusionPipeline": velocity_loss,
    "StableDiffusionXLPipeline": velocity_loss,
    "StableDiffusion3Pipeline": flow_loss,
    "VQDiffusionPipeline": code_loss,
}


def train_pipeline(
    pipeline: Any,
    targets: Tensor,
    draw_prompt: Callable[[int], str],
    settings: Mapping[str, Any],
    generator: torch.Generator,
) -> float:
    """Train the pipeline's denoiser and text encoders in place; at the end they get their running averages.

    targets: what `encode_pictures` returned; draw_prompt: returns a new prompt for the target at a place; settings: the
    `diffusion` section of demo/training.yaml. Returns the mean loss of the last 200 steps.
    """
    objective = OBJECTIVES[type(pipeline).__name__]
    modules = trained_modules(pipeline).train()
    if objective is flow_loss:
        usual_attention = pipeline.transformer.attn_processors
        pipeline.transformer.set_attn_processor(CountedAttention(T5_TOKENS))
    average = Average(modules, settings["average"])
    optimiser = torch.optim.AdamW(modules.parameters(), lr=settings["learning_rate"], weight_decay=0.01)
    losses: list[float] = []
    for step in progress(range(settings["steps"]), settings["steps"], "training steps"):
        share = learning_rate_at(step, settings["steps"], settings["warm_up"])
        for group in optimiser.param_groups:
            group["lr"] = settings["learning_rate"] * share
        chosen = torch.randint(0, len(targets), (settings["batch"],), generator=generator)
        dropped = torch.rand(settings["batch"], generator=generator) < settings["unconditional"]
        prompts = ["" if empty else draw_prompt(int(index)) for index, empty in zip(chosen, dropped, strict=True)]
        loss = objective(pipeline, targets[chosen], prompts, generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimiser.step()
        average.update(modules)
        losses.append(float(loss.detach()))
        if step % 200 == 199:
            print(f"step {step + 1}: loss {numpy.mean(losses[-200:]):.4f}", flush=True)
    modules.load_state_dict(average.module.state_dict())
    modules.eval()
    if objective is flow_loss:
        pipeline.transformer.set_attn_processor(usual_attention)
    return float(numpy.mean(losses[-200:]))


def prepare_latents(
    autoencoder: Autoencoder, draw: Callable[[int], tuple[numpy.ndarray, list[str], list[list[str]]]], count: int
) -> tuple[Tensor, list[str], list[list[str]]]:
    """Return `count` drawn pictures as the denoiser's targets, with their photographs' names and their looks."""
    targets, names, looks = [], [], []
    for start in range(0, count, 64):
        pictures, picture_names, picture_looks = draw(min(64, count - start))
        targets.append(encode_pictures(autoencoder, torch.from_numpy(pictures)))
        names += picture_names
        looks += picture_looks
    return torch.cat(targets), names, looks
