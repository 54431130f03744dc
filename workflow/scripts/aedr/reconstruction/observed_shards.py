"""The losses of a shard in the domain in which each picture was observed; see `aedr.reconstruction.observed_losses`."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.costs import Costs
from aedr.errors import UnusableImage
from aedr.images.pictures import decode_image
from aedr.jobs import progress
from aedr.memory import FittingBatches, on_cpu_if_too_large
from aedr.observations.history import PIXELS, RECODED, History
from aedr.observations.observation import Observation
from aedr.observations.observing import Repeated, observe
from aedr.observations.operators import Turned
from aedr.reconstruction.grid_search import RIM_IN_LATENTS, Offset, find_offset
from aedr.reconstruction.observed_losses import find_orientations, observed_losses
from aedr.reconstruction.pixels import Fit, fit_to_grid
from aedr.reconstruction.shards import Measured, ReconstructionSettings, loss_rows


@dataclass(frozen=True)
class _Picture:
    """One picture of a shard, observed where it is inspected, and its latest place in a batch."""

    image_id: str
    observation: Observation
    fit: Fit
    offset: Offset | None
    orientation: int | None = None


def observe_shard(
    images: pd.DataFrame,
    histories: pd.DataFrame,
    autoencoder: Autoencoder,
    metrics: Sequence[str],
    settings: ReconstructionSettings,
    costs: Costs,
) -> list[dict[str, object]]:
    """Return the rows of the losses table for a shard of the images table: one for each image and observed metric.

    An unusable image has rows with a reason and no losses. Where not every image of a source is refined, those beyond
    have no rows. Batches hold pictures of one size and one kind of history, so a setting changes only the last digits.

    Args:
        histories: rows of the histories table for the same images.
    """
    images = images.head(settings.refined_images) if settings.refined_images is not None else images
    usable = images[images["reason"].isna()].drop(columns="reason").merge(histories, on="image_id", validate="1:1")
    pictures, reasons = [], {}
    with costs.part("observing"):
        for image in progress(usable.itertuples(), len(usable), "reading pictures as they were observed"):
            try:
                # Of an image that was brought back to another size, the file was observed.
                data = (image.image if image.stored is None else image.stored)["bytes"]
                history = History.from_json(image.history)
                pictures.append(_look_at(image.image_id, data, history, autoencoder, settings, costs))
            except UnusableImage as unusable:
                reasons[image.image_id] = str(unusable)
    if settings.orientations == "search":
        with costs.part("orientations"):
            pictures = _turned(pictures, autoencoder, settings, costs)

    def measure(batch: Sequence[_Picture]) -> Sequence[Mapping[str, tuple[float, float]]]:
        def work() -> Sequence[Mapping[str, tuple[float, float]]]:
            joined = _joined(batch, autoencoder.network.device)
            losses = observed_losses(autoencoder, joined, metrics, settings.refinement_steps, costs)
            return [{metric: pairs[at] for metric, pairs in losses.items()} for at in range(len(batch))]

        return on_cpu_if_too_large(autoencoder.network, work, batch[0].image_id, costs) if len(batch) == 1 else work()

    fitting = FittingBatches(settings.batch_size, costs)
    measured = {}
    batches = _batches(pictures, settings.batch_size)
    for batch in progress(batches, len(batches), f"refining with {settings.autoencoder}"):
        for picture, losses in zip(batch, fitting.map(measure, batch), strict=True):
            measured[picture.image_id] = Measured(picture.fit, losses, picture.offset, picture.orientation)
    return loss_rows(images, metrics, settings.autoencoder, measured, reasons)


def _look_at(
    image_id: str,
    data: bytes,
    history: History,
    autoencoder: Autoencoder,
    settings: ReconstructionSettings,
    costs: Costs,
) -> _Picture:
    """Return a picture observed on the autoencoder's grid.

    Raises:
        UnusableImage: it is too small, or it was decoded at a size off the grid.
    """
    pixels = decode_image(data, upright=False)
    height, width = pixels.shape[:2]
    if history.resizes:
        before_width, before_height, _ = history.resizes[-1]
        fit = fit_to_grid(before_height, before_width, autoencoder.factor, "crop", None)
        if fit.how != "whole":
            raise UnusableImage(f"{before_width}x{before_height} pixels are not a size that it decodes")
        return _Picture(image_id, observe(data, pixels, history, (0, 0, height, width)), _as("restored", fit), None)
    if settings.off_grid == "search":

        def search() -> Offset:
            return find_offset(autoencoder, pixels)

        offset = on_cpu_if_too_large(autoencoder.network, search, image_id, costs)
        fit = fit_to_grid(height - offset.rows, width - offset.columns, autoencoder.factor, "crop", None)
        part = (offset.rows, offset.columns, fit.height, fit.width)
        margin = RIM_IN_LATENTS * autoencoder.factor
        return _Picture(image_id, observe(data, pixels, history, part, margin), _as("searched", fit), offset)
    fit = fit_to_grid(height, width, autoencoder.factor, "crop", None)
    observed = observe(data, pixels, history, (0, 0, fit.height, fit.width))
    if settings.repeat is not None and history.kind in (PIXELS, RECODED) and fit.how == "whole":
        observed = Repeated(observed, settings.repeat)
    return _Picture(image_id, observed, fit, None)


def _as(how: str, fit: Fit) -> Fit:
    return Fit(fit.height, fit.width, how)


def _turned(
    pictures: Sequence[_Picture], autoencoder: Autoencoder, settings: ReconstructionSettings, costs: Costs
) -> list[_Picture]:
    """Return the pictures, each in the orientation in which the autoencoder may have decoded it."""

    def search(batch: Sequence[_Picture]) -> Sequence[int]:
        def work() -> Sequence[int]:
            return find_orientations(autoencoder, _joined(batch, autoencoder.network.device).seen)

        return on_cpu_if_too_large(autoencoder.network, work, batch[0].image_id, costs) if len(batch) == 1 else work()

    fitting = FittingBatches(settings.batch_size, costs)
    turned = []
    batches = _batches(pictures, settings.batch_size)
    for batch in progress(batches, len(batches), f"looking for the orientation with {settings.autoencoder}"):
        for picture, way in zip(batch, fitting.map(search, batch), strict=True):
            observation = Turned(picture.observation, [way]) if way else picture.observation
            sideways = way % 2 == 1
            fit = Fit(picture.fit.width, picture.fit.height, picture.fit.how) if sideways else picture.fit
            turned.append(_Picture(picture.image_id, observation, fit, picture.offset, way))
    return turned


def _batches(pictures: Sequence[_Picture], size: int) -> list[list[_Picture]]:
    """Return pictures in batches of those that can be joined, largest first."""

    def order(picture: _Picture) -> tuple[int, str]:
        return -picture.fit.height * picture.fit.width, repr(picture.observation.key)

    batches = []
    for _, alike in itertools.groupby(sorted(pictures, key=order), order):
        members = list(alike)
        batches += [members[at : at + size] for at in range(0, len(members), size)]
    return batches


def _joined(batch: Sequence[_Picture], device: torch.device) -> Observation:
    first, *others = (picture.observation for picture in batch)
    return first.joined(others, device)
