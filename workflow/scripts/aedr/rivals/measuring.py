"""Run a rival on a shard of images.

Each rival is a module with a function `measure(autoencoder, images, seeds, ...)`. It takes pixels in [-1, 1], shape
(images, 3, height, width), sides on the grid, and one seed per image. It returns two numbers per image: the method's
loss, small for own images, and the same loss for the reconstruction, or None if the method has no second pass.
"""

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.costs import Costs
from aedr.reconstruction.losses import LossPair
from aedr.reconstruction.shards import ReconstructionSettings, loss_rows, measure_batches
from aedr.seeds import seed_of

Measure = Callable[[Autoencoder, torch.Tensor, Sequence[int]], list[LossPair]]


def load_rival(name: str, settings: Mapping[str, Any], vgg_backbone: str | None, device: torch.device) -> Measure:
    """Return the function `measure` of the rival `name`, with its settings filled in.

    Args:
        settings: keyword arguments of `measure`; `distance` is a name, see `aedr.rivals.distances.load_distance`.
        vgg_backbone: file with VGG16's weights, for distances that need it.
    """
    # Imported by name, so that a change in one rival's module reruns only that rival (see `code_digest`).
    measure = importlib.import_module(f"aedr.rivals.{name}").measure
    arguments = dict(settings)
    if "distance" in arguments:
        from aedr.rivals.distances import load_distance

        arguments["distance"] = load_distance(arguments["distance"], vgg_backbone, device)
    return functools.partial(measure, **arguments)


def measure_shard(
    images: pd.DataFrame,
    autoencoder: Autoencoder,
    name: str,
    measure: Measure,
    settings: ReconstructionSettings,
    costs: Costs,
    needs_codebook: bool = False,
) -> list[dict[str, object]]:
    """Return the rows of the losses table for a shard of the images table; their metric is the rival's `name`.

    An unusable image has a row with a reason and no losses. A rival that `needs_codebook` has no rows for an
    autoencoder without one.
    """
    if needs_codebook and not autoencoder.has_codebook:
        return []

    def measure_batch(batch: torch.Tensor, ids: Sequence[str]) -> list[dict[str, LossPair]]:
        seeds = [seed_of(settings.study_seed, settings.autoencoder, image_id, name) for image_id in ids]
        with costs.part("measuring"):
            return [{name: losses} for losses in measure(autoencoder, batch, seeds)]

    usable = images[images["reason"].isna()]
    measured, reasons = measure_batches(usable, autoencoder, settings, costs, measure_batch)
    return loss_rows(images, [name], settings.autoencoder, measured, reasons)
