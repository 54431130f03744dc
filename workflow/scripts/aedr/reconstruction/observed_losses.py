"""Losses in the domain in which a picture was observed, with a control that went through the same damage.

The first loss is the distance of a reconstruction from the picture's cell (`aedr.observations`), not from the picture.
The second is the same for the control: the reconstruction goes through what the picture went through, and is
reconstructed again. So both losses of an own image have met the same damage, and their ratio is near 1 whatever it was.

Refined losses take the reconstruction that comes nearest to the cell, because the encoder's answer to a damaged picture
is not the best latent. A step moves the latent by what the encoder says of the difference between the decoding and its
projection into the cell; the encoder's own bias falls out of it, and no gradient is needed.

The control takes as long again. Where the second loss counts only up to a cap, the first may be so large that the image
is too far for an own one whatever the control loses. Then the control is not measured.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.costs import Costs
from aedr.observations.observation import Distances, Observation, from_levels, to_levels
from aedr.observations.operators import ORIENTATIONS, turn, turn_back
from aedr.reconstruction.limits import Limit
from aedr.reconstruction.losses import LossPair, high_frequency, l2

# What rounding to 8 bits and the change of colours leave outside of a cell, in squared levels (and about as much in
# levels): the mean square is .001 to .007. Added to both losses, it keeps their ratio finite inside of a cell.
ROUNDING = 0.03


@dataclass(frozen=True)
class ObservedMetric:
    """A metric of this module: whether it refines, and which distance it measures; None is the mean squared error."""

    is_refined: bool
    distance: str | None


OBSERVED_METRICS = {
    "controlled_l2": ObservedMetric(False, None),
    "cell_l1": ObservedMetric(False, "absolute"),
    "cell_l2": ObservedMetric(False, "squared"),
    "refined_l1": ObservedMetric(True, "absolute"),
    "refined_l2": ObservedMetric(True, "squared"),
    "refined_observed": ObservedMetric(True, "observed"),
}
LARGEST_PATCH = 256


def refine(
    autoencoder: Autoencoder,
    observation: Observation,
    steps: int,
    plain: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the latents whose decoding is nearest to the cell, of the plain ones and `steps` further ones; and it.

    Each step takes three passes through half of the autoencoder.

    Args:
        plain: the latents of the plain reconstruction, and it itself, if they are known; they save both passes.
    """
    latents, decoded = plain or encoded_and_decoded(autoencoder, observation)
    nearest_latents, nearest = latents, decoded
    smallest = observation.distances(nearest).squared
    for _ in range(steps):
        decoded = from_levels(to_levels(decoded))
        latents = latents + autoencoder.encode(observation.project(decoded)) - autoencoder.encode(decoded)
        decoded = autoencoder.decode(latents)
        squared = observation.distances(decoded).squared
        is_nearer = squared < smallest
        smallest = torch.where(is_nearer, squared, smallest)
        nearest_latents = torch.where(_for_each(is_nearer, latents), latents, nearest_latents)
        nearest = torch.where(_for_each(is_nearer, decoded), decoded, nearest)
    return nearest_latents, nearest


def _for_each(values: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return one value for each image in a shape that is combined with `images`."""
    return values.view(-1, *[1] * (images.ndim - 1))


def encoded_and_decoded(autoencoder: Autoencoder, observation: Observation) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the latents of what the files show, and their decodings: the plain reconstructions."""
    latents = autoencoder.encode(observation.seen)
    return latents, autoencoder.decode(latents)


def observed_losses(
    autoencoder: Autoencoder,
    observation: Observation,
    metrics: Iterable[str],
    steps: int,
    costs: Costs | None = None,
    limits: Mapping[str, Limit] | None = None,
) -> dict[str, list[LossPair]]:
    """Return each metric's first and second loss for every picture of an observation.

    Args:
        metrics: of `OBSERVED_METRICS`.
        steps: how often a latent is refined.
        costs: where the seconds of the parts observed_reconstruction, control and refinement are added.
        limits: of metrics. A picture that is beyond the limits of all refined metrics has no second losses by them.
    """
    costs = costs or Costs(observation.seen.device)
    losses: dict[str, list[LossPair]] = {}
    wanted = {metric: OBSERVED_METRICS[metric] for metric in metrics}
    with torch.inference_mode():
        with costs.part("observed_reconstruction"):
            latents, plain = encoded_and_decoded(autoencoder, observation)
        if chosen := {name: metric for name, metric in wanted.items() if not metric.is_refined}:
            with costs.part("control"):
                control = observation.control(plain)
                again = autoencoder.reconstruct(control.seen, "mode", ())
                first_losses = _distances(chosen, observation.distances(plain))
                losses |= _paired(first_losses, _distances(chosen, control.distances(again)))
                if "controlled_l2" in chosen:
                    first, second = l2(plain, observation.seen), l2(again, control.seen)
                    losses["controlled_l2"] = list(zip(first.tolist(), second.tolist(), strict=True))
        if chosen := {name: metric for name, metric in wanted.items() if metric.is_refined}:
            with costs.part("refinement"):
                _, nearest = refine(autoencoder, observation, steps, (latents, plain))
                first_losses = _distances(chosen, observation.distances(nearest))
                second_losses: dict[str, list[float | None]] = {name: [None] * len(nearest) for name in chosen}
                if places := _undecided(first_losses, limits or {}):
                    control = observation.chosen(places).control(nearest[places])
                    _, again = refine(autoencoder, control, steps)
                    for name, found in _distances(chosen, control.distances(again)).items():
                        for place, loss in zip(places, found, strict=True):
                            second_losses[name][place] = loss
                losses |= _paired(first_losses, second_losses)
    return {metric: losses[metric] for metric in wanted}


def _undecided(first_losses: Mapping[str, Sequence[float]], limits: Mapping[str, Limit]) -> list[int]:
    """Return the places of the pictures whose controls must be measured."""
    return [
        place
        for place, losses in enumerate(zip(*first_losses.values(), strict=True))
        if not all(
            name in limits and limits[name].is_beyond(loss) for name, loss in zip(first_losses, losses, strict=True)
        )
    ]


def _distances(metrics: Mapping[str, ObservedMetric], distances: Distances) -> dict[str, list[float]]:
    """Return the loss of every picture by each metric that measures a distance from the cell."""
    return {
        name: [value + ROUNDING for value in getattr(distances, metric.distance).tolist()]
        for name, metric in metrics.items()
        if metric.distance is not None
    }


def _paired(
    first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float | None]]
) -> dict[str, list[LossPair]]:
    return {name: list(zip(first[name], second[name], strict=True)) for name in first}


def find_orientations(autoencoder: Autoencoder, images: torch.Tensor) -> list[int]:
    """Return for each image the orientation in which the first reconstruction has the smallest high-frequency loss.

    An autoencoder knows its own decodings only as it decoded them. Of other images, each orientation is as likely as
    any other. A middle part of at most 256 pixels a side is compared; if that is not the whole image, without a rim of
    a sixth of it.

    Args:
        images: pixels in [-1, 1], shape (images, 3, height, width), sides on the autoencoder's grid.

    Returns:
        Of `ORIENTATIONS`; the image as it is stored is 0.
    """
    factor = autoencoder.factor
    height, width = (min(side, LARGEST_PATCH // factor * factor) for side in images.shape[-2:])
    top, left = (
        (side - part) // 2 // factor * factor for side, part in zip(images.shape[-2:], (height, width), strict=True)
    )
    patch = images[..., top : top + height, left : left + width]
    margin = min(height, width) // 6 if patch.shape != images.shape else 0
    inner = np.s_[..., margin : height - margin, margin : width - margin]
    losses = []
    with torch.inference_mode():
        for orientation in ORIENTATIONS:
            reconstruction = autoencoder.reconstruct(turn(patch, orientation), "mode", ())
            losses.append(high_frequency(turn_back(reconstruction, orientation)[inner], patch[inner]))
    return [int(best) for best in torch.stack(losses).argmin(0)]
