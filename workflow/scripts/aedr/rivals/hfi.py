"""HFI: how much of the distance between an image and its reconstruction is due to the image's high frequencies."""

from collections.abc import Sequence

import torch
from torchvision.transforms.functional import gaussian_blur

from aedr.autoencoders.loading import Autoencoder
from aedr.reconstruction.losses import LossFunction, LossPair


def measure(
    autoencoder: Autoencoder,
    images: torch.Tensor,
    seeds: Sequence[int],
    distance: LossFunction,
    kernel_size: int,
    sigma: float,
) -> list[LossPair]:
    """Return d(AE(x), x) - d(AE(F(x)), F(x)) for each image x, where F is a Gaussian low-pass filter.

    Choi et al., arXiv 2412.20704. We know of no code for the paper. This is `lpf_lpips` from the first author's later
    repository (github.com/sungikchoi/WaRPAD): the image and the filtered image are both reconstructed with the
    posterior's mode. Its filter has a size of three pixels and a standard deviation of one by default. It does not say
    which layers of LPIPS to use; we use AEROBLADE's, `lpips_vgg_2`. We leave out the paper's smallest score over
    several models, which is for detection and not for attribution.
    """
    with torch.inference_mode():
        blurred = gaussian_blur(images, [kernel_size, kernel_size], [sigma, sigma])
        sharp_loss = distance(autoencoder.reconstruct(images, "mode", seeds), images)
        blurred_loss = distance(autoencoder.reconstruct(blurred, "mode", seeds), blurred)
        return [(loss, None) for loss in (sharp_loss - blurred_loss).tolist()]
