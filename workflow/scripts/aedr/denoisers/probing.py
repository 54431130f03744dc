"""A pipeline's denoiser, asked about latents of our choice in the way in which the pipeline asks it.

Every text-to-image pipeline of diffusers hands its denoiser's answer to `scheduler.step`, which returns the next
latents. A scheduler that returns latents of our choice therefore asks any denoiser about them, with all that the
pipeline gives it
besides: embeddings of the prompt, sizes, positions, guidance. No class of denoisers or pipelines is known here.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch

from aedr.errors import UserError
from aedr.images.decoded import autoencoders_of
from aedr.images.modular import is_modular

# Places are found digit by digit: a float32 holds one exactly, also after it was scaled and shifted.
DIGIT = 4096


@dataclass(frozen=True)
class Questions:
    """What a pipeline's denoiser is asked in one run: `latents(n, like)` at the n-th of `times`.

    A run begins with the pipeline's own noise at `first_time`, whose answer nobody needs: only then their shape is
    known, that of `like`. `answer(n, predicted)` takes what the denoiser said. After the last, the decoder gets
    `latents(N, like)`, N being the number of times.
    """

    first_time: float
    times: Sequence[float]
    is_continuous: bool
    latents: Callable[[int, torch.Tensor], torch.Tensor]
    answer: Callable[[int, torch.Tensor], None]


class _Asking:
    """Laid over a scheduler's class: it goes from question to question, and mixes nothing."""

    order = 1
    questions: Questions

    def set_timesteps(
        self, num_inference_steps: Any = None, device: Any = None, timesteps: Any = None, sigmas: Any = None,
        mu: Any = None, **_: Any,
    ) -> None:  # fmt: skip
        asked = self.questions
        dtype = torch.float32 if asked.is_continuous else torch.int64
        self.timesteps = torch.tensor([asked.first_time, *asked.times], dtype=dtype, device=device)
        self.sigmas = torch.linspace(1, 0, len(self.timesteps) + 1)
        self.num_inference_steps = len(self.timesteps)
        self.answered = 0

    def scale_model_input(self, sample: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return sample

    def step(
        self,
        model_output: torch.Tensor,
        timestep: Any,
        sample: torch.Tensor,
        *_: Any,
        return_dict: bool = True,
        **__: Any,
    ) -> Any:
        if self.answered > 0:
            # Some denoisers predict a variance too.
            self.questions.answer(self.answered - 1, model_output[:, : sample.shape[1]])
        latents = self.questions.latents(self.answered, sample)
        self.answered += 1
        return SimpleNamespace(prev_sample=latents, pred_original_sample=latents) if return_dict else (latents, latents)


class _Decoding(Exception):
    """A pipeline has reached its decoder, which nobody needs."""


def ask(pipeline: Any, arguments: Mapping[str, Any], questions: Questions, rows: int) -> torch.Tensor:
    """Run a pipeline without a prompt, in which its denoiser is asked `questions`.

    Args:
        arguments: those of the pipeline's call, but for the prompt.
        rows: the number of rows of the questions' latents.

    Returns:
        What the decoder got, a row for each of `rows`.
    """
    decoded: list[torch.Tensor] = []
    generators = [torch.Generator().manual_seed(0) for _ in range(rows)]
    with _asking(pipeline, questions), _stopped_at_decoder(pipeline, decoded, rows):
        try:
            if is_modular(pipeline):
                pipeline(prompt="", generator=generators[0], output="images", **arguments)
            else:
                pipeline(prompt=[""] * rows, generator=generators if rows > 1 else generators[0], **arguments)
        except _Decoding:
            if hasattr(pipeline, "maybe_free_model_hooks"):
                pipeline.maybe_free_model_hooks()
    return torch.cat(decoded)


@contextmanager
def _asking(pipeline: Any, questions: Questions) -> Iterator[None]:
    # The scheduler stays the same object: Kandinsky's and modular pipelines hold it in several places.
    scheduler = pipeline.components["scheduler"]
    usual, kept = type(scheduler), dict(vars(scheduler))
    scheduler.__class__ = type(f"Asking{usual.__name__}", (_Asking, usual), {"questions": questions})
    try:
        yield
    finally:
        scheduler.__class__ = usual
        vars(scheduler).clear()
        vars(scheduler).update(kept)


@contextmanager
def _stopped_at_decoder(pipeline: Any, decoded: list[torch.Tensor], rows: int) -> Iterator[None]:
    def watch(decode: Any) -> Any:
        def watching(latents: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            decoded.append(latents.detach())
            if sum(map(len, decoded)) >= rows:
                raise _Decoding
            return decode(latents, *arguments, **options)

        return watching

    with ExitStack() as restoring:
        for autoencoder in autoencoders_of(pipeline):
            autoencoder.decode = watch(autoencoder.decode)
            restoring.callback(delattr, autoencoder, "decode")
        yield


@dataclass(frozen=True)
class LatentMap:
    """How a denoiser has the autoencoder's latents of one size: each of them in a place of its own, shifted and scaled.

    `places` has the place of each of the autoencoder's latents, in their order, among the denoiser's; a latent is
    `scale` x the denoiser's + `shift`.
    """

    places: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor

    def to_denoiser(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the autoencoder's latents, shape (rows, ...), as the denoiser's, shape (rows, number), as float32."""
        flat = ((latents.flatten(1) - self.shift) / self.scale).float()
        return self.to_places(flat)

    def to_places(self, values: torch.Tensor) -> torch.Tensor:
        """Return values of the autoencoder's latents, shape (rows, ...), in the places of the denoiser's."""
        flat = values.flatten(1)
        placed = torch.empty_like(flat)
        placed[:, self.places] = flat
        return placed


def find_map(probe: Callable[[Sequence[torch.Tensor]], torch.Tensor], shape: Sequence[int]) -> LatentMap:
    """Return how a pipeline carries the latents of an image from its denoiser to its decoder.

    Args:
        probe: takes rows of a denoiser's latents to those that its pipeline hands the decoder.
        shape: that of an image's latents as the autoencoder has them.

    Raises:
        UserError: the decoder's latents are others, or do not follow one by one from the denoiser's.
    """
    count = math.prod(shape)
    places = torch.arange(count)
    decoded = probe([torch.zeros(count), torch.ones(count), (places // DIGIT).float(), (places % DIGIT).float()])
    if decoded.shape[1:] != torch.Size(shape):
        raise UserError(
            f"for an image with latents of the shape {tuple(shape)}, its pipeline decodes latents of the shape "
            f"{tuple(decoded.shape[1:])}"
        )
    flat = decoded.flatten(1).double()
    shift, scale = flat[0], flat[1] - flat[0]
    high, low = ((row - shift) / scale for row in flat[2:])
    found = (high.round() * DIGIT + low.round()).nan_to_num(-1).long()
    if not torch.equal(found.sort().values, places):
        raise UserError(
            "its pipeline changes latents on their way from the denoiser to the decoder by more than a shift, a scale "
            "and their places, so those of an image cannot be found. Leave the model out of second_stage.models"
        )
    return LatentMap(found, scale, shift)
