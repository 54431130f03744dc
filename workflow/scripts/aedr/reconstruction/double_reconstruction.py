"""Double reconstruction: images through one autoencoder, twice, and the losses of both passes."""

from collections.abc import Mapping, Sequence

import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.costs import Costs
from aedr.reconstruction.losses import LossFunction


def double_losses(
    autoencoder: Autoencoder,
    images: torch.Tensor,
    functions: Mapping[str, LossFunction],
    encoding: str = "mode",
    seeds: Sequence[tuple[int, int]] = (),
    costs: Costs | None = None,
) -> dict[str, list[tuple[float, float]]]:
    """Reconstruct `images` twice and return each metric's first and second loss for every image.

    Nothing is clamped or rounded between the two passes.

    Args:
        images: pixels in [-1, 1], shape (images, 3, height, width), sides on the autoencoder's grid.
        seeds: for encoding "sample", the seeds of each image's first and second reconstruction.
        costs: where the seconds of both reconstructions and of each metric are added.
    """
    costs = costs or Costs(images.device)
    losses = {}
    with torch.inference_mode():
        with costs.part("first_reconstruction"):
            first = autoencoder.reconstruct(images, encoding, [seed for seed, _ in seeds])
        with costs.part("second_reconstruction"):
            second = autoencoder.reconstruct(first, encoding, [seed for _, seed in seeds])
        for metric, function in functions.items():
            with costs.part(metric):
                pairs = zip(function(first, images).tolist(), function(second, first).tolist(), strict=True)
                losses[metric] = list(pairs)
    return losses
