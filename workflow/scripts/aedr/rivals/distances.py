"""Distances for rivals: a layer of LPIPS with VGG16, or the squared error if its weights are not available."""

from pathlib import Path

import torch

from aedr.reconstruction.losses import LossFunction, l2, load_lpips_network


def load_distance(name: str, backbone: str | Path | None, device: torch.device) -> LossFunction:
    """Return the distance `name`: l2, or lpips_vgg_N, the N-th layer's term of LPIPS with VGG16 (0: the sum of all).

    The terms weight features by the linear heads of the package lpips. `backbone` is the file of torchvision's VGG16,
    which l2 does not need. Layers are counted from one, as in AEROBLADE's code.

    Raises:
        UserError: the file is missing or contains something else.
    """
    if name == "l2":
        return l2
    assert backbone is not None
    network = load_lpips_network("vgg", backbone, "rival_settings.vgg_backbone", device)
    layer = int(name.rsplit("_", 1)[1])

    def distance(reconstruction: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        # An image that does not fit into the GPU's memory is on the CPU.
        there = network.to(image.device)
        total, terms = there(reconstruction.float(), image.float(), retPerLayer=True)
        return (total if layer == 0 else terms[layer - 1]).double().reshape(len(image))

    return distance
