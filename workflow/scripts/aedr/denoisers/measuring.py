"""How well a model's denoiser predicts the noise that was added to images: an error for each image, level and noise.

A model's denoiser predicts best what happens to images of its own (DNA, arXiv 2607.13685). The noise is the same for
all images and models, and its seeds are those of no study, so that a calibration holds elsewhere.
"""

import contextlib
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.costs import Costs
from aedr.denoisers.probing import LatentMap, Questions, ask, find_map
from aedr.denoisers.schedules import FLOW, Mixture, mixture_at
from aedr.errors import UnusableImage, UserError
from aedr.images.modular import is_modular
from aedr.images.pipelines import unguided_arguments
from aedr.jobs import progress
from aedr.memory import FittingBatches, offload_more
from aedr.observations.observation import Observation
from aedr.reconstruction.grid_search import Offset
from aedr.reconstruction.observed_losses import refine
from aedr.reconstruction.observed_shards import ObservedPicture, observe_pictures, observed_batches
from aedr.reconstruction.shards import ReconstructionSettings
from aedr.seeds import seed_of


@dataclass(frozen=True)
class DenoisingSettings:
    """What errors depend on, besides the model and the images: noise levels, how many noises, refinement of latents."""

    levels: tuple[float, ...]
    noises: int
    refinement_steps: int


class Denoiser:
    """A model's denoiser, asked through its pipeline without a prompt and, if it can be without, without guidance.

    Args:
        pipeline: the model's, loaded.
        model: its id, for messages.
        settings: its `guidance` and `arguments`.

    Raises:
        UserError: its pipeline takes no size, or its scheduler has no known noise levels.
    """

    def __init__(self, pipeline: Any, model: str, settings: Mapping[str, Any], costs: Costs) -> None:
        self.pipeline, self.model, self.costs = pipeline, model, costs
        self.arguments = unguided_arguments(pipeline, model, settings)
        with self._named():
            # Before images are read. All levels are found alike.
            mixture_at(pipeline.scheduler, 1.0)
        self.batches = FittingBatches(1 if is_modular(pipeline) else sys.maxsize, costs)

    def errors(self, latents: Sequence[torch.Tensor], factor: int, settings: DenoisingSettings) -> torch.Tensor:
        """Return the mean square errors of the predicted noise, shape (images, levels, noises).

        The noises are asked about together and the images one after the other, so no error depends on other images.

        Args:
            latents: the autoencoder's, unscaled, of images of one size; each without a batch axis.
            factor: the number of pixels a side that one of them stands for.

        Raises:
            UnusableImage: the pipeline has latents of another shape for images of this size.
            UserError: the model cannot be asked.
        """
        with self._named():
            return self._errors(latents, factor, settings)

    def _errors(self, latents: Sequence[torch.Tensor], factor: int, settings: DenoisingSettings) -> torch.Tensor:
        shape = latents[0].shape
        mixtures = [mixture_at(self.pipeline.scheduler, level) for level in settings.levels]
        size = {side: factor * count for side, count in zip(("height", "width"), shape[-2:], strict=True)}
        found = self._find_map(shape, mixtures[-1], size)
        known = found.to_denoiser(torch.stack(list(latents)).cpu())
        pairs = list(itertools.product(range(len(known)), range(len(mixtures))))
        what = f"asking the denoiser of {self.model}"

        def measure(numbers: Sequence[int]) -> list[torch.Tensor]:
            noise = found.to_places(torch.stack([fixed_noise(number, shape) for number in numbers]))
            errors = torch.empty(len(numbers), len(known), len(mixtures))
            answers = progress(range(len(pairs)), len(pairs), what)

            def mixed(number: int, like: torch.Tensor) -> torch.Tensor:
                image, level = pairs[min(number, len(pairs) - 1)]
                return mixtures[level].mix(known[image], noise).to(like).view(like.shape)

            def answered(number: int, predicted: torch.Tensor) -> None:
                image, level = pairs[next(answers)]
                said = predicted.float().flatten(1).cpu()
                errors[:, image, level] = mixtures[level].error(said, known[image], noise)

            times = [mixtures[level].time for _, level in pairs]
            is_continuous = mixtures[0].predicted == FLOW
            ask(
                self.pipeline,
                self.arguments | size,
                Questions(times[0], times, is_continuous, mixed, answered),
                len(numbers),
            )
            # The display ends with what is iterated over.
            next(answers, None)
            return list(errors)

        return torch.stack(self._fitting(measure, range(settings.noises)), dim=-1)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            raise UserError(f"models.{self.model}: {error}") from None

    def _find_map(self, shape: torch.Size, mixture: Mixture, size: dict[str, int]) -> LatentMap:
        def probe(rows: Sequence[torch.Tensor]) -> list[torch.Tensor]:
            def probed(_: int, like: torch.Tensor) -> torch.Tensor:
                if like.numel() != math.prod(shape) * len(rows):
                    raise UnusableImage(
                        f"it denoises {like.numel() // len(rows)} latents instead of {math.prod(shape)}"
                    )
                return torch.stack(list(rows)).view(like.shape).to(like.device)

            questions = Questions(mixture.time, [], mixture.predicted == FLOW, probed, lambda *_: None)
            return list(ask(self.pipeline, self.arguments | size, questions, len(rows)).cpu())

        return find_map(lambda rows: torch.stack(self._fitting(probe, rows)), shape)

    def _fitting(self, work: Callable[[Sequence[Any]], list[torch.Tensor]], items: Sequence[Any]) -> list[torch.Tensor]:
        """Return what `work` returns for each item; where memory runs out, by fewer items, then by offloading."""
        while True:
            with contextlib.suppress(torch.OutOfMemoryError):
                return self.batches.map(work, items)
            torch.cuda.empty_cache()
            how = offload_more(self.pipeline, self.costs.device)
            if how is None:
                raise UserError(
                    "its denoiser does not fit into the GPU's memory with one image. Set a `precision` of 16 bits, "
                    "use a larger GPU, or leave the model out of second_stage.models"
                )
            self.costs.fall_back(how)


def fixed_noise(number: int, shape: Sequence[int]) -> torch.Tensor:
    """Return the noise with a number, from 0: standard normal, the same for every image, model and study."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed_of("noise of the second stage", number)))


def measure_shard(
    images: pd.DataFrame,
    histories: pd.DataFrame,
    autoencoder: Autoencoder,
    denoiser: Denoiser,
    settings: DenoisingSettings,
    reconstruction: ReconstructionSettings,
    offsets: Mapping[str, Offset],
    orientations: Mapping[str, int] | None,
) -> list[dict[str, object]]:
    """Return the rows of the denoising table for a shard of the images table: one for each image, level and noise.

    An image that cannot be measured has one row, with the reason: among others, that it is too large for the memory.

    Args:
        histories: rows of the histories table for the same images.
        reconstruction: how the autoencoder reads images.
        offsets, orientations: those with which the autoencoder reconstructed them, where they were searched. Without
            orientations, they are searched as the settings say.

    Raises:
        UserError: no image can be measured, although some are usable; with the reason of the first.
    """
    pictures, reasons = observe_pictures(
        images, histories, autoencoder, reconstruction, denoiser.costs, offsets, orientations
    )
    latents, sizes = {}, {}
    with denoiser.costs.part("latents"):
        for picture, latent in _encoded(pictures, autoencoder, settings, reconstruction, denoiser.costs):
            latents[picture.image_id] = latent
            sizes[picture.image_id] = {"width": picture.fit.width, "height": picture.fit.height}
    errors: dict[str, torch.Tensor] = {}
    with denoiser.costs.part("denoising"):
        # Smallest first: where memory runs out, the batches of these stay as they would be without the others.
        for shape in sorted({latent.shape for latent in latents.values()}, key=lambda shape: (math.prod(shape), shape)):
            alike = {name: latent for name, latent in latents.items() if latent.shape == shape}
            for name, found in _measured(alike, autoencoder.factor, denoiser, settings).items():
                if isinstance(found, str):
                    size = "{width}x{height}".format(**sizes[name])
                    reasons[name] = f"{denoiser.model}, {size} pixels: {found}"
                else:
                    errors[name] = found
    if pictures and not errors:
        raise UserError(
            f"models.{denoiser.model}: its denoiser could be asked about none of {len(pictures)} images, the first: "
            f"{reasons[pictures[0].image_id]}. Check the model's settings, or leave it out of second_stage.models"
        )
    rows = []
    for image in images.itertuples():
        shared = {"image_id": image.image_id, "source": image.source, "model": denoiser.model}
        reason = image.reason if isinstance(image.reason, str) else reasons.get(image.image_id)
        if image.image_id not in errors:
            rows.append(shared | {"level": settings.levels[0], "noise": 0, "reason": reason})
            continue
        of_image = shared | sizes[image.image_id]
        for level, by_noise in zip(settings.levels, errors[image.image_id].tolist(), strict=True):
            rows += [
                of_image | {"level": level, "noise": number, "error": value} for number, value in enumerate(by_noise)
            ]
    return rows


def _measured(
    latents: Mapping[str, torch.Tensor], factor: int, denoiser: Denoiser, settings: DenoisingSettings
) -> dict[str, torch.Tensor | str]:
    """Return the errors of each image, all of one size, or why there are none."""
    try:
        errors = denoiser.errors(list(latents.values()), factor, settings)
    except (UserError, UnusableImage) as error:
        return dict.fromkeys(latents, str(error).removeprefix(f"models.{denoiser.model}: "))
    # A pipeline may refuse a size in any way.
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        print(f"{denoiser.model}: {said}", file=sys.stderr)
        return dict.fromkeys(latents, f"{said:.200}")
    overflow = "what its denoiser says is not a number, as if it overflowed. Set another `precision`"
    return {name: found if found.isfinite().all() else overflow for name, found in zip(latents, errors, strict=True)}


def _encoded(
    pictures: Sequence[ObservedPicture],
    autoencoder: Autoencoder,
    settings: DenoisingSettings,
    reconstruction: ReconstructionSettings,
    costs: Costs,
) -> Iterator[tuple[ObservedPicture, torch.Tensor]]:
    """Yield each picture with the latents that it was most likely decoded from."""

    def encode(observation: Observation) -> list[torch.Tensor]:
        with torch.inference_mode():
            found, _ = refine(autoencoder, observation, settings.refinement_steps)
        return list(found.float().cpu())

    return observed_batches(pictures, autoencoder, reconstruction, costs, "finding latents", encode)
