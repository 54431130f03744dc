"""The losses of a shard: each of its images passes twice through one autoencoder.

Images are measured as they are stored: a picture that only its EXIF tag turns was decoded as it lies in the file.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.costs import Costs
from aedr.errors import UnusableImage
from aedr.images.pictures import Pixels, decode_image, picture_shape
from aedr.jobs import progress
from aedr.memory import FittingBatches, on_cpu_if_too_large
from aedr.observations.observation import Codec
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.grid_search import RIM_IN_LATENTS, Offset, search_and_measure
from aedr.reconstruction.losses import SMALLEST_SIDE_FOR_LPIPS, LossFunction, LossPair
from aedr.reconstruction.pixels import Fit, apply_fit, fit_to_grid, to_tensor
from aedr.seeds import seed_of


@dataclass(frozen=True)
class ReconstructionSettings:
    """How images are read and reconstructed; `config/README.md` explains each."""

    study_seed: int
    autoencoder: str
    encoding: str
    off_grid: str
    resize_to: int | None
    batch_size: int
    refinement_steps: int = 2
    orientations: str = "stored"
    refined_images: int | None = None
    # What is known to have been done to the images, if that keeps their sizes.
    damage: Codec | None = None


# The losses of one image, by metric.
Losses = Mapping[str, LossPair]


@dataclass(frozen=True)
class Measured:
    """The result for one image: the size of its reconstruction, its losses, and offset and orientation if searched.

    `reason` says why a loss is missing.
    """

    fit: Fit
    losses: Losses
    offset: Offset | None = None
    orientation: int | None = None
    reason: str | None = None


# Measures images of one size, shape (images, 3, height, width), given with their ids.
MeasureBatch = Callable[[torch.Tensor, Sequence[str]], Sequence[Losses]]


def reconstruct_shard(
    images: pd.DataFrame,
    autoencoder: Autoencoder,
    functions: Mapping[str, LossFunction],
    settings: ReconstructionSettings,
    device: torch.device,
    costs: Costs | None = None,
) -> list[dict[str, object]]:
    """Return the rows of the losses table for a shard of the images table: one for each image and metric of pixels.

    An unusable image has rows with a reason and no losses. A batch that does not fit into the memory of the GPU
    `device` is halved; a single image that does not fit is reconstructed on the CPU.
    """
    costs = costs or Costs(device)
    usable = images[images["reason"].isna()]
    if settings.off_grid == "search":
        measured, reasons = _search(usable, autoencoder, functions, settings, costs)
    else:

        def measure(batch: torch.Tensor, names: Sequence[str]) -> list[Losses]:
            too_small_for_lpips = min(batch.shape[2:]) < SMALLEST_SIDE_FOR_LPIPS
            possible = {m: f for m, f in functions.items() if not (m == "lpips" and too_small_for_lpips)}
            seeds = [
                (
                    seed_of(settings.study_seed, settings.autoencoder, name, 1),
                    seed_of(settings.study_seed, settings.autoencoder, name, 2),
                )
                for name in names
            ]
            losses = double_losses(autoencoder, batch, possible, settings.encoding, seeds, costs)
            return [{metric: pairs[at] for metric, pairs in losses.items()} for at in range(len(names))]

        measured, reasons = measure_batches(usable, autoencoder, settings, costs, measure)
    return loss_rows(images, list(functions), settings.autoencoder, measured, reasons)


def loss_rows(
    images: pd.DataFrame,
    metrics: Sequence[str],
    autoencoder: str,
    measured: Mapping[str, Measured],
    reasons: Mapping[str, str],
) -> list[dict[str, object]]:
    """Return the rows of the losses table for all images of the images table: what was measured, or why nothing was."""

    def row(image: Any, metric: str) -> dict[str, object]:
        found = measured.get(image.image_id)
        first, second = found.losses.get(metric, (None, None)) if found else (None, None)
        reason = reasons.get(image.image_id) if pd.isna(image.reason) else image.reason
        if found and first is None:
            reason = f"lpips needs sides of at least {SMALLEST_SIDE_FOR_LPIPS} pixels"
        elif found and not np.isfinite([loss for loss in (first, second) if loss is not None]).all():
            first, second, reason = None, None, f"{metric} is not a finite number for this image"
        elif found and second is None:
            reason = found.reason
        offset = found.offset if found else None
        return {
            "image_id": image.image_id,
            "source": image.source,
            "autoencoder": autoencoder,
            "metric": metric,
            "first_loss": first,
            "second_loss": second,
            "height": found and found.fit.height,
            "width": found and found.fit.width,
            "fit": found.fit.how if found else "none",
            "offset_rows": offset and offset.rows,
            "offset_columns": offset and offset.columns,
            "orientation": found and found.orientation,
            "reason": reason,
        }

    return [row(image, metric) for image in images.itertuples() for metric in metrics]


def found_offsets(rows: Iterable[Mapping[str, Any]]) -> dict[str, Offset]:
    """Return the offset of each image whose grid was searched, from rows of the losses table."""
    return {
        row["image_id"]: Offset(row["offset_rows"], row["offset_columns"])
        for row in rows
        if row["offset_rows"] is not None
    }


def measure_batches(
    images: pd.DataFrame,
    autoencoder: Autoencoder,
    settings: ReconstructionSettings,
    costs: Costs,
    measure: MeasureBatch,
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Measure usable images without a search, in batches of one size; return the results, and reasons for the others.

    A batch that does not fit into the GPU's memory is halved; a single image that does not fit is measured on the CPU.
    """

    def measure_part(part: Sequence[tuple[str, Pixels]]) -> Sequence[Losses]:
        def work() -> Sequence[Losses]:
            tensor = to_tensor([pixels for _, pixels in part], autoencoder.network.device)
            return measure(tensor, [image_id for image_id, _ in part])

        return on_cpu_if_too_large(autoencoder.network, work, part[0][0], costs) if len(part) == 1 else work()

    fits: dict[int, Fit] = {}
    measured, reasons = {}, {}
    names = images["image_id"].tolist()
    for i, image in enumerate(images.itertuples()):
        try:
            height, width = picture_shape(image.image["bytes"], upright=False)
            fits[i] = fit_to_grid(height, width, autoencoder.factor, settings.off_grid, settings.resize_to)
        except UnusableImage as unusable:
            reasons[names[i]] = str(unusable)
    fitting = FittingBatches(settings.batch_size, costs)
    for batch, pixels in _decoded_batches([image["bytes"] for image in images["image"]], fits, settings):
        alike = [(names[i], image) for i, image in zip(batch, pixels, strict=True)]
        for i, losses in zip(batch, fitting.map(measure_part, alike), strict=True):
            measured[names[i]] = Measured(fits[i], losses)
    return measured, reasons


def _search(
    images: pd.DataFrame,
    autoencoder: Autoencoder,
    functions: Mapping[str, LossFunction],
    settings: ReconstructionSettings,
    costs: Costs,
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Bring each image to the grid by a search and reconstruct it there; return the same as `measure_batches`."""
    measured, reasons = {}, {}
    what = f"searching the grid of {settings.autoencoder}"
    for image in progress(images.itertuples(), len(images), what):
        pixels = decode_image(image.image["bytes"], upright=False)
        # At the worst offset, and without the rim that the losses leave out.
        left = min(pixels.shape[:2]) - (1 + 2 * RIM_IN_LATENTS) * autoencoder.factor
        possible = {m: f for m, f in functions.items() if not (m == "lpips" and left < SMALLEST_SIDE_FOR_LPIPS)}
        try:
            offset, losses = on_cpu_if_too_large(
                autoencoder.network,
                functools.partial(search_and_measure, autoencoder, pixels, possible, costs),
                image.image_id,
                costs,
            )
            height, width = pixels.shape[0] - offset.rows, pixels.shape[1] - offset.columns
            fit = fit_to_grid(height, width, autoencoder.factor, "crop", None)
            measured[image.image_id] = Measured(Fit(fit.height, fit.width, "searched"), losses, offset)
        except UnusableImage as unusable:
            reasons[image.image_id] = str(unusable)
    return measured, reasons


def _decoded_batches(
    encoded: Sequence[bytes], fits: Mapping[int, Fit], settings: ReconstructionSettings
) -> Iterator[tuple[list[int], list[Pixels]]]:
    """Yield batches of images of one size, largest first, so that what does not fit into memory fails at once.

    The next batch is decoded while the caller computes on the last one.
    """

    def decode(batch: list[int]) -> tuple[list[int], list[Pixels]]:
        return batch, [apply_fit(decode_image(encoded[i], upright=False), fits[i]) for i in batch]

    def size(i: int) -> tuple[int, int]:
        return fits[i].height, fits[i].width

    batches = []
    for _, alike in itertools.groupby(sorted(fits, key=lambda i: (-fits[i].height * fits[i].width, size(i), i)), size):
        members = list(alike)
        batches += [members[at : at + settings.batch_size] for at in range(0, len(members), settings.batch_size)]
    with ThreadPoolExecutor(max_workers=1) as decoder:
        waiting = [decoder.submit(decode, batch) for batch in batches[:2]]
        for at in progress(range(len(batches)), len(batches), f"reconstructing with {settings.autoencoder}"):
            done = waiting.pop(0).result()
            if at + 2 < len(batches):
                waiting.append(decoder.submit(decode, batches[at + 2]))
            yield done
