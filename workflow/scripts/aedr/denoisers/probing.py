"""A pipeline's denoiser, asked about latents of our choice in the way in which the pipeline asks it.

Every text-to-image pipeline of diffusers hands its denoiser's answer to `scheduler.step`, which returns the next
latents. A scheduler that returns latents of our choice therefore asks any denoiser about them, with all that the
pipeline gives it besides: embeddings of the prompt, sizes, positions. No class of denoisers or pipelines is known here.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from diffusers.guiders import BaseGuidance

from aedr.errors import UnusableImage, UserError
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
    init_noise_sigma = 1.0
    questions: Questions

    @property
    def sigmas(self) -> Any:
        """Raise: what such a pipeline (Cosmos 2) tells its denoiser does not follow from times alone."""
        raise UserError(
            "its pipeline tells its denoiser the sigmas of its scheduler, which is not known how to ask. Leave the "
            "model out of second_stage.models"
        )

    def set_timesteps(
        self, num_inference_steps: Any = None, device: Any = None, timesteps: Any = None, sigmas: Any = None,
        mu: Any = None, **_: Any,
    ) -> None:  # fmt: skip
        asked = self.questions
        dtype = torch.float32 if asked.is_continuous else torch.int64
        self.timesteps = torch.tensor([asked.first_time, *asked.times], dtype=dtype, device=device)
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


class _Decoding(BaseException):
    """A pipeline has reached its decoder, which nobody needs. No error: modular pipelines log every `Exception`."""


def ask(pipeline: Any, arguments: Mapping[str, Any], questions: Questions, rows: int) -> torch.Tensor:
    """Run a pipeline without a prompt, in which its denoiser is asked `questions`; leave it as it was.

    Args:
        arguments: those of the pipeline's call, but for the prompt.
        rows: the number of rows of the questions' latents.

    Returns:
        What the decoder got, a row for each of `rows`.
    """
    decoded: list[torch.Tensor] = []
    generators = [torch.Generator().manual_seed(0) for _ in range(rows)]
    with _asking(pipeline, questions), _unguided(pipeline), _stopped_at_decoder(pipeline, decoded, rows):
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
    kept = dict(vars(scheduler))
    with _overlaid(scheduler, _Asking, questions=questions):
        try:
            yield
        finally:
            vars(scheduler).clear()
            vars(scheduler).update(kept)


@contextmanager
def _overlaid(part: Any, *layers: type, **members: Any) -> Iterator[None]:
    """Let a pipeline's part be of a class over its own, of the same name."""
    usual = type(part)
    part.__class__ = type(usual.__name__, (*layers, usual), members)
    try:
        yield
    finally:
        part.__class__ = usual


@contextmanager
def _unguided(pipeline: Any) -> Iterator[None]:
    """Switch guidance off that is a part of the pipeline, not an argument of its call."""
    enabled = [part for part in pipeline.components.values() if isinstance(part, BaseGuidance) and part._enabled]
    for part in enabled:
        part.disable()
    try:
        yield
    finally:
        for part in enabled:
            part.enable()


@contextmanager
def _stopped_at_decoder(pipeline: Any, decoded: list[torch.Tensor], rows: int) -> Iterator[None]:
    def watch(autoencoder: Any) -> Any:
        usual, dtype = autoencoder.decode, autoencoder.dtype

        def watching(latents: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            decoded.append(latents.detach())
            if sum(map(len, decoded)) >= rows:
                raise _Decoding
            return usual(latents.to(dtype), *arguments, **options)

        return watching

    with ExitStack() as restoring:
        for autoencoder in autoencoders_of(pipeline):
            autoencoder.decode = watch(autoencoder)
            restoring.callback(delattr, autoencoder, "decode")
            # Some pipelines round latents to its type.
            restoring.enter_context(_overlaid(autoencoder, dtype=torch.float32))
        yield


@dataclass(frozen=True)
class LatentMap:
    """How a denoiser has the autoencoder's latents of one size: each in a place of its own, shifted and scaled.

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
        UnusableImage: the decoder's latents have another shape.
        UserError: they do not follow one by one from the denoiser's.
    """
    count = math.prod(shape)
    places = torch.arange(count)
    # A large step, so that a shift rounds away none of a small scale.
    decoded = probe(
        [torch.zeros(count), torch.full((count,), float(DIGIT)), (places // DIGIT).float(), (places % DIGIT).float()]
    )
    if decoded.shape[1:] != torch.Size(shape):
        raise UnusableImage(f"it decodes latents of the shape {tuple(decoded.shape[1:])} instead of {tuple(shape)}")
    flat = decoded.flatten(1).double()
    shift, scale = flat[0], (flat[1] - flat[0]) / DIGIT
    high, low = ((row - shift) / scale for row in flat[2:])
    found = (high.round() * DIGIT + low.round()).nan_to_num(-1).long()
    if not torch.equal(found.sort().values, places):
        raise UserError(
            "its pipeline changes latents on their way from the denoiser to the decoder by more than a shift, a scale "
            "and their places, so those of an image cannot be found. Leave the model out of second_stage.models"
        )
    return LatentMap(found, scale, shift)
