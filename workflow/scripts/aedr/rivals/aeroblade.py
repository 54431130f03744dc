"""AEROBLADE: the perceptual distance between an image and its reconstruction."""

from collections.abc import Sequence

import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.reconstruction.losses import LossFunction, LossPair
from aedr.reconstruction.pixels import round_to_8_bits


def measure(
    autoencoder: Autoencoder, images: torch.Tensor, seeds: Sequence[int], distance: LossFunction
) -> list[LossPair]:
    """Return the distance between each image and one reconstruction of it.

    Ricker, Lukovnikov and Fischer, CVPR 2024, and github.com/jonasricker/aeroblade: one sample of the posterior is
    decoded and rounded to 8 bits; the distance is the second layer of LPIPS with VGG16 (`lpips_vgg_2`). We use a seed
    per image, their code one per folder. Their code rounds distances to float16, ours does not.
    """
    with torch.inference_mode():
        reconstructions = autoencoder.reconstruct(images, "sample", seeds)
        kept = round_to_8_bits(reconstructions)
        return [(loss, None) for loss in distance(kept, images).tolist()]
