"""AEROBLADE: the perceptual distance of an image to its reconstruction."""

from collections.abc import Sequence

import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.reconstruction.losses import LossFunction, LossPair
from aedr.reconstruction.pixels import round_to_8_bits


def measure(
    autoencoder: Autoencoder, images: torch.Tensor, seeds: Sequence[int], distance: LossFunction
) -> list[LossPair]:
    """Return the distance of each image to one reconstruction.

    Ricker, Lukovnikov and Fischer, CVPR 2024, and github.com/jonasricker/aeroblade: one sample of the posterior is
    decoded and kept as an 8-bit image; the distance is LPIPS' second layer of VGG16 (`lpips_vgg_2`). Ours seeds each
    image, where the code seeds each folder; its distances are rounded to float16, ours are not.
    """
    with torch.inference_mode():
        reconstructions = autoencoder.reconstruct(images, "sample", seeds)
        kept = round_to_8_bits(reconstructions)
        return [(loss, None) for loss in distance(kept, images).tolist()]
