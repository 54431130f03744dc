"""Reconstruction losses: how far a reconstruction is from its input, one number per image."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from aedr.errors import UserError

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# An image's first loss, and its second if the method has one.
LossPair = tuple[float, float | None]

SMALLEST_SIDE_FOR_LPIPS = 32
# torchvision's file names; each ends with the beginning of the file's SHA-256.
ALEXNET = "alexnet-owt-7be5be79.pth"
VGG16 = "vgg16-397923af.pth"


def l1(reconstruction: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Mean absolute error. Pixels in [-1, 1], shape (images, channels, height, width); returns shape (images,)."""
    return (reconstruction - image).double().abs().mean((1, 2, 3))


def l2(reconstruction: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Mean squared error, the published main metric. Shapes and range as for `l1`."""
    return ENERGIES["l2"](reconstruction - image).mean((1, 2, 3))


def ssim(reconstruction: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """1 - structural similarity, as in the authors' code: pixels scaled to [0, 1], `data_range` 2."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    similarity = structural_similarity_index_measure(
        (reconstruction + 1) / 2, (image + 1) / 2, data_range=2.0, reduction="none"
    )
    assert isinstance(similarity, torch.Tensor)
    return 1 - similarity.double().reshape(len(image))


def psnr(reconstruction: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Negated peak signal-to-noise ratio in dB, as in the authors' code: pixels in [0, 1], `data_range` 2."""
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return -peak_signal_noise_ratio(
        (reconstruction.double() + 1) / 2,
        (image.double() + 1) / 2,
        data_range=2.0,
        reduction="none",
        dim=(1, 2, 3),
    )


def high_frequency(reconstruction: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Mean square of the Laplacian of the difference (4 in the middle, -1 around, over 4; valid convolution)."""
    return ENERGIES["high_frequency"](reconstruction - image).mean((1, 2, 3))


def mid_frequency(reconstruction: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """`high_frequency` after averaging the difference over 2x2 pixels; it survives JPEG and undone resizes better."""
    return ENERGIES["mid_frequency"](reconstruction - image).mean((1, 2, 3))


def _squared_laplacian(difference: torch.Tensor) -> torch.Tensor:
    difference = difference.double()
    middle = difference[..., 1:-1, 1:-1]
    around = (
        difference[..., :-2, 1:-1] + difference[..., 2:, 1:-1] + difference[..., 1:-1, :-2] + difference[..., 1:-1, 2:]
    )
    return (middle - around / 4).square()


# What these losses average: the energy of every pixel, float64, of the difference of two images, shape (images,
# channels, height, width). The Laplacian loses a rim of one pixel; mid_frequency first halves both sides.
ENERGIES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "l2": lambda difference: difference.double().square(),
    "high_frequency": _squared_laplacian,
    "mid_frequency": lambda difference: _squared_laplacian(F.avg_pool2d(difference, 2)),
}


def load_lpips_network(net: str, backbone: str | Path, key: str, device: torch.device) -> Any:
    """Return LPIPS with the package's linear heads and the backbone's weights from a file.

    Args:
        net: "alex" or "vgg".
        backbone: state dict of torchvision's AlexNet or VGG16, as safetensors or as torchvision's own .pth file.
        key: the configuration key that names the file.

    Raises:
        UserError: the file is missing or contains something else.
    """
    import lpips
    from safetensors.torch import load_file

    name, file = {"alex": ("AlexNet", ALEXNET), "vgg": ("VGG16", VGG16)}[net]
    try:
        weights = (
            load_file(backbone)
            if str(backbone).endswith(".safetensors")
            else torch.load(backbone, map_location="cpu", weights_only=True)
        )
        network = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
        expected = network.net.state_dict()
        network.net.load_state_dict({layer: weights[f"features.{layer.split('.', 1)[1]}"] for layer in expected})
    except Exception as error:
        raise UserError(
            f"{key}: {backbone} does not contain torchvision's {name} ({error!r}). "
            f"Name the file {file} or its weights as safetensors, or remove what needs it."
        ) from None
    return network.eval().requires_grad_(False).to(device)


def load_lpips(backbone: str | Path, device: torch.device) -> LossFunction:
    """Return the LPIPS loss (AlexNet), see `load_lpips_network`."""
    network = load_lpips_network("alex", backbone, "reconstruction.lpips_backbone", device)

    def loss(reconstruction: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        # An image that does not fit into the GPU's memory is on the CPU.
        there = network.to(image.device)
        return there(reconstruction.float(), image.float()).double().reshape(len(image))

    return loss


LOSSES: dict[str, LossFunction] = {
    "l1": l1,
    "l2": l2,
    "ssim": ssim,
    "psnr": psnr,
    "high_frequency": high_frequency,
    "mid_frequency": mid_frequency,
}


def loss_functions(
    metrics: Sequence[str], lpips_backbone: str | Path | None, device: torch.device
) -> dict[str, LossFunction]:
    """Return the loss function of each metric, in the given order; only lpips needs `lpips_backbone`."""
    functions = {}
    for metric in metrics:
        if metric == "lpips":
            if lpips_backbone is None:
                raise UserError("reconstruction.metrics has lpips, but reconstruction.lpips_backbone names no weights.")
            functions[metric] = load_lpips(lpips_backbone, device)
        else:
            functions[metric] = LOSSES[metric]
    return functions
