"""Earlier methods of attribution, one module each, named as in the configuration's `rivals`.

Every module has `measure(autoencoder, images, seeds, ...)`: pixels in [-1, 1], shape (images, 3, height, width), sides
on the grid, and one seed for each image. It returns two numbers for each image: the method's loss, small for an
own image, and its loss of the reconstruction, or None where the method knows no second pass.
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
    """Return the `measure` of the rival `name` with its settings filled in.

    Args:
        settings: keyword arguments of `measure`; `distance` is a name, see `aedr.rivals.distances.load_distance`.
        vgg_backbone: file of VGG16's weights, for distances that need it.
    """
    # Imported by name, so that a change in one rival's module reruns that rival alone (see `code_digest`).
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
    """Return the rows of the losses table for a shard of the images table under the rival `name`, its metric.

    A picture that cannot be used has a row with a reason and no losses. A rival that `needs_codebook` has no rows under
    an autoencoder without one.
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
