"""Whether an autoencoder, as this workflow uses it, reproduces a photograph at all."""

import torch

from aedr.autoencoders.convention import REPRODUCED
from aedr.autoencoders.loading import Autoencoder
from aedr.autoencoders.photograph import HEIGHT, WIDTH, explained_share, read_photograph
from aedr.errors import UserError


def check_reproduction(autoencoder: Autoencoder, key: str) -> None:
    """Check that a reconstruction of the photograph that comes with the workflow is like it.

    Losses of an autoencoder that reproduces nothing say nothing of where an image is from, and look like any others.

    Args:
        key: the configuration's key for the autoencoder, which the message names.

    Raises:
        UserError: less than half of the photograph's variance is explained.
    """
    photograph = read_photograph(HEIGHT, WIDTH, autoencoder.network.device)
    with torch.inference_mode():
        share = explained_share(autoencoder.reconstruct(photograph, "mode", [0])[0], photograph[0])
    if share < REPRODUCED:
        raise UserError(
            f"{key}: this {type(autoencoder.network).__name__} does not reproduce a photograph, with pixels in [-1, 1] "
            f"or in [0, 1]: it explains {max(share, 0):.0%} of its variance, where any trained one explains more than "
            f"{REPRODUCED:.0%}. Either its weights are not those of this class and configuration, or its pipeline uses "
            "it in another way. Compare its files with the publisher's, or leave it out. To measure it all the same, "
            "such as one with random weights, set must_reproduce: false there."
        )
