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

    Choi et al., arXiv 2412.20704. No code of its own is known to us; this is `lpf_lpips` in its first author's later
    repository (github.com/sungikchoi/WaRPAD): two reconstructions, of the image and of the filtered image, by the
    posterior's mode. There the filter has three pixels and a standard deviation of one by default; it is silent about
    LPIPS' layers. Ours are AEROBLADE's, `lpips_vgg_2`. The paper's least score over several models is a detector's, not
    an attribution's, and left out.
    """
    with torch.inference_mode():
        blurred = gaussian_blur(images, [kernel_size, kernel_size], [sigma, sigma])
        sharp_loss = distance(autoencoder.reconstruct(images, "mode", seeds), images)
        blurred_loss = distance(autoencoder.reconstruct(blurred, "mode", seeds), blurred)
        return [(loss, None) for loss in (sharp_loss - blurred_loss).tolist()]
