"""The losses of a shard in the domain in which each picture was observed; see `aedr.reconstruction.observed_losses`."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pandas as pd

from aedr.autoencoders.loading import Autoencoder
from aedr.costs import Costs
from aedr.errors import UnusableImage
from aedr.images.pictures import decode_image
from aedr.jobs import progress
from aedr.memory import FittingBatches, on_cpu_if_too_large
from aedr.observations.history import PIXELS, History
from aedr.observations.observation import Observation, StoredPixels
from aedr.observations.observing import observe
from aedr.observations.operators import Turned
from aedr.reconstruction.grid_search import RIM_IN_LATENTS, Offset, find_offset
from aedr.reconstruction.limits import Limit
from aedr.reconstruction.observed_losses import find_orientations, observed_losses
from aedr.reconstruction.pixels import Fit, fit_to_grid
from aedr.reconstruction.shards import Losses, Measured, ReconstructionSettings, loss_rows

Result = TypeVar("Result")
WITHOUT_CONTROL = "too far for an own image whatever its control loses, so the control was not measured"


@dataclass(frozen=True)
class ObservedPicture:
    """One picture of a shard, observed where it is inspected, and what was searched."""

    image_id: str
    observation: Observation
    fit: Fit
    offset: Offset | None = None
    orientation: int | None = None


def observe_shard(
    images: pd.DataFrame,
    histories: pd.DataFrame,
    autoencoder: Autoencoder,
    metrics: Sequence[str],
    settings: ReconstructionSettings,
    costs: Costs,
    offsets: Mapping[str, Offset] | None = None,
    limits: Mapping[str, Limit] | None = None,
) -> list[dict[str, object]]:
    """Return the rows of the losses table for a shard of the images table: one for each image and observed metric.

    An unusable image has rows with a reason and no losses. Where not every image of a source is refined, those beyond
    have no rows. Batches hold pictures of one size and one kind of history, so a setting changes only the last digits.

    Args:
        histories: rows of the histories table for the same images.
        offsets: those of images whose grid was searched before.
        limits: those of refined metrics, as for `observed_losses`.
    """
    images = images.head(settings.refined_images) if settings.refined_images is not None else images
    pictures, reasons = observe_pictures(images, histories, autoencoder, settings, costs, offsets)

    def measure(observation: Observation) -> Sequence[Losses]:
        losses = observed_losses(autoencoder, observation, metrics, settings.refinement_steps, costs, limits)
        return [dict(zip(losses, pairs, strict=True)) for pairs in zip(*losses.values(), strict=True)]

    what = f"refining with {settings.autoencoder}"
    measured = {
        picture.image_id: Measured(
            picture.fit,
            losses,
            picture.offset,
            picture.orientation,
            WITHOUT_CONTROL if any(second is None for _, second in losses.values()) else None,
        )
        for picture, losses in observed_batches(pictures, autoencoder, settings, costs, what, measure)
    }
    return loss_rows(images, metrics, settings.autoencoder, measured, reasons)


def observe_pictures(
    images: pd.DataFrame,
    histories: pd.DataFrame,
    autoencoder: Autoencoder,
    settings: ReconstructionSettings,
    costs: Costs,
    offsets: Mapping[str, Offset] | None = None,
    orientations: Mapping[str, int] | None = None,
) -> tuple[list[ObservedPicture], dict[str, str]]:
    """Return the usable pictures as they were observed, and the reasons of those that cannot be inspected.

    Args:
        histories, offsets: as for `observe_shard`.
        orientations: how images were turned, where this was searched before; without it, it is searched as the settings
            say.
    """
    usable = images[images["reason"].isna()].drop(columns="reason").merge(histories, on="image_id", validate="1:1")
    pictures, reasons = [], {}
    with costs.part("observing"):
        for image in progress(usable.itertuples(), len(usable), "reading pictures as they were observed"):
            try:
                # Of an image that was brought back to another size, the file was observed.
                data = (image.image if image.stored is None else image.stored)["bytes"]
                history = History.from_json(image.history)
                offset = (offsets or {}).get(image.image_id)
                pictures.append(_look_at(image.image_id, data, history, offset, autoencoder, settings, costs))
            except UnusableImage as unusable:
                reasons[image.image_id] = str(unusable)
    if orientations is not None:
        pictures = [_turn(picture, orientations.get(picture.image_id, 0)) for picture in pictures]
    elif settings.orientations == "search":
        with costs.part("orientations"):
            pictures = _turned(pictures, autoencoder, settings, costs)
    return pictures, reasons


def _look_at(
    image_id: str,
    data: bytes,
    history: History,
    offset: Offset | None,
    autoencoder: Autoencoder,
    settings: ReconstructionSettings,
    costs: Costs,
) -> ObservedPicture:
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
        observed = observe(data, pixels, history, (0, 0, height, width))
        return ObservedPicture(image_id, observed, replace(fit, how="restored"))
    if settings.off_grid == "search":
        if offset is None:
            search = functools.partial(find_offset, autoencoder, pixels)
            offset = on_cpu_if_too_large(autoencoder.network, search, image_id, costs)
        fit = fit_to_grid(height - offset.rows, width - offset.columns, autoencoder.factor, "crop", None)
        part = (offset.rows, offset.columns, fit.height, fit.width)
        observed = observe(data, pixels, history, part, RIM_IN_LATENTS * autoencoder.factor)
        return ObservedPicture(image_id, observed, replace(fit, how="searched"), offset)
    fit = fit_to_grid(height, width, autoencoder.factor, "crop", None)
    observed = observe(data, pixels, history, (0, 0, fit.height, fit.width))
    # Of a file, what it went through is read from it.
    is_repeated = settings.damage is not None and history.kind == PIXELS and fit.how == "whole"
    if is_repeated and isinstance(observed, StoredPixels):
        observed = replace(observed, codec=settings.damage)
    return ObservedPicture(image_id, observed, fit)


def _turned(
    pictures: Sequence[ObservedPicture], autoencoder: Autoencoder, settings: ReconstructionSettings, costs: Costs
) -> list[ObservedPicture]:
    """Return the pictures, each in the orientation in which the autoencoder may have decoded it."""

    def search(observation: Observation) -> Sequence[int]:
        return find_orientations(autoencoder, observation.seen)

    what = f"looking for the orientation with {settings.autoencoder}"
    return [_turn(*found) for found in observed_batches(pictures, autoencoder, settings, costs, what, search)]


def _turn(picture: ObservedPicture, way: int) -> ObservedPicture:
    observation = Turned(picture.observation, [way]) if way else picture.observation
    # Odd numbers are quarter turns.
    fit = Fit(picture.fit.width, picture.fit.height, picture.fit.how) if way % 2 else picture.fit
    return replace(picture, observation=observation, fit=fit, orientation=way)


def observed_batches(
    pictures: Sequence[ObservedPicture],
    autoencoder: Autoencoder,
    settings: ReconstructionSettings,
    costs: Costs,
    what: str,
    measure: Callable[[Observation], Sequence[Result]],
) -> Iterator[tuple[ObservedPicture, Result]]:
    """Yield every picture with its result, measured in batches of pictures that can be joined, largest first.

    A batch that does not fit into the GPU's memory is halved; one picture that does not fit is measured on the CPU.
    """

    def order(picture: ObservedPicture) -> tuple[int, str]:
        return -picture.fit.height * picture.fit.width, repr(picture.observation.key)

    def measure_part(part: Sequence[ObservedPicture]) -> Sequence[Result]:
        def work() -> Sequence[Result]:
            first, *others = (picture.observation for picture in part)
            return measure(first.joined(others, autoencoder.network.device))

        return on_cpu_if_too_large(autoencoder.network, work, part[0].image_id, costs) if len(part) == 1 else work()

    batches = []
    for _, alike in itertools.groupby(sorted(pictures, key=order), order):
        members = list(alike)
        batches += [members[at : at + settings.batch_size] for at in range(0, len(members), settings.batch_size)]
    fitting = FittingBatches(settings.batch_size, costs)
    for batch in progress(batches, len(batches), what):
        yield from zip(batch, fitting.map(measure_part, batch), strict=True)
