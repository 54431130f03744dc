"""Find an autoencoder's grid again in an image that was cropped or padded after it was decoded.

An autoencoder recognises its own decodings only where its latents were, at every `factor` pixels: after a crop by three
pixels, own and other images are no longer separated. The right offset shows itself: there the first reconstruction
loses least.

A search favours acceptance: every image gets its best offset, also images that are not the autoencoder's own. So the
images that a threshold or a p-value is based on must be searched like the query. `search_and_measure` measures both: a
conformal p-value then accounts for the search exactly. It does not account for the cut itself if the images it is based
on were not cut: the border left by a cut is not the decoder's. On images of 64 pixels, 88 to 96 of 100 own ones that
were cut pass a threshold that 95 of 100 uncut ones pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from aedr.autoencoders.loading import Autoencoder
from aedr.costs import Costs
from aedr.errors import UnusableImage, UserError
from aedr.images.pictures import Pixels
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.losses import ENERGIES, LossFunction, high_frequency
from aedr.reconstruction.pixels import apply_fit, fit_to_grid, to_tensor

SMALLEST_PATCH_IN_LATENTS = 10
# Enough at the factors 4 and 8, for which the search was measured; larger factors take as few latents as allowed.
USUAL_PATCH = 120
# The work grows with the fourth power of the factor: 400 reconstructions at 512 pixels for an image at this one.
LARGEST_FACTOR = 32
RIM_IN_LATENTS = 2
PLACES_A_SIDE = 3


@dataclass(frozen=True)
class Offset:
    """How many pixels to cut off at the top and at the left, so that the rest begins on the grid."""

    rows: int
    columns: int


def find_offset(autoencoder: Autoencoder, pixels: Pixels) -> Offset:
    """Return the offset at which the first reconstruction of a patch of the image has the smallest high-frequency loss.

    Raises:
        UnusableImage: as `offset_losses` does.
    """
    losses = offset_losses(autoencoder, pixels)
    return min(losses, key=losses.__getitem__)


def offset_losses(autoencoder: Autoencoder, pixels: Pixels) -> dict[Offset, float]:
    """Return the high-frequency first loss of a patch of the image at every offset, in the order of the search.

    The patch has sides of up to 120 pixels or ten latents: as many whole latents as stay inside the image at every
    offset. Losses are
    taken over the same pixels at every offset, so that the content does not matter. They leave out a border of a sixth
    of the patch, which the autoencoder's padding disturbs. Of nine places in the image, the patch is taken where the
    rest has the most high-frequency energy, because a flat patch carries no information.

    Offsets are batched in rows, always of `factor` patches, so that no setting can change the result. At factor 8 the
    64 patches take as much work as one and a half double reconstructions at 512 pixels.

    Args:
        pixels: RGB, uint8, shape (height, width, 3), of any size.

    Raises:
        UnusableImage: the image has no room for a patch with sides of ten latents at every offset. With smaller ones
            the search finds the wrong offset too often.
        UserError: the factor is larger than 32.
    """
    factor = autoencoder.factor
    if factor > LARGEST_FACTOR:
        work = (SMALLEST_PATCH_IN_LATENTS * factor**2 / 512) ** 2
        raise UserError(
            f"The grid cannot be searched for {type(autoencoder.network).__name__}, of which a latent stands for "
            f"{factor}x{factor} pixels: an image would take the work of {work:.0f} reconstructions at 512 pixels. Set "
            "reconstruction.off_grid: crop, remove transforms that end in search_grid, or leave this autoencoder out."
        )
    shift = factor - 1
    largest = max(USUAL_PATCH, SMALLEST_PATCH_IN_LATENTS * factor)
    height, width = (min(largest, side - shift) // factor * factor for side in pixels.shape[:2])
    if min(height, width) < SMALLEST_PATCH_IN_LATENTS * factor:
        shortest = SMALLEST_PATCH_IN_LATENTS * factor + shift
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise UnusableImage(f"{size} pixels are too few to search the grid: each side needs {shortest}")
    margin = min(height, width) // 6
    inner = np.s_[..., shift + margin : height - margin, shift + margin : width - margin]

    image = to_tensor([pixels], autoencoder.network.device)
    places = [
        (int(top), int(left))
        for top in np.linspace(0, image.shape[2] - height - shift, PLACES_A_SIDE)
        for left in np.linspace(0, image.shape[3] - width - shift, PLACES_A_SIDE)
    ]

    def window(place: tuple[int, int]) -> torch.Tensor:
        top, left = place
        return image[..., top : top + height + shift, left : left + width + shift]

    place = max(places, key=lambda place: ENERGIES["high_frequency"](window(place)[inner]).mean().item())
    losses: dict[Offset, float] = {}
    with torch.inference_mode():
        for down in range(factor):
            patches = window(place)[0, :, down : down + height].unfold(2, width, 1).permute(2, 0, 1, 3)
            reconstructions = autoencoder.reconstruct(patches, "mode", ())
            rows = slice(shift + margin - down, height - margin - down)
            same_pixels = torch.stack(
                [
                    reconstruction[:, rows, shift + margin - right : width - margin - right]
                    for right, reconstruction in enumerate(reconstructions)
                ]
            )
            for right, loss in enumerate(high_frequency(same_pixels, window(place)[inner]).tolist()):
                losses[Offset((place[0] + down) % factor, (place[1] + right) % factor)] = loss
    return losses


def apply_offset(pixels: Pixels, offset: Offset, factor: int) -> Pixels:
    """Cut uint8 pixels (height, width, 3) to the grid: by `offset`, then right and bottom to multiples of `factor`.

    Raises:
        UnusableImage: what remains is too small to be reconstructed.
    """
    begun = pixels[offset.rows :, offset.columns :]
    return apply_fit(begun, fit_to_grid(begun.shape[0], begun.shape[1], factor, "crop", None))


def search_and_measure(
    autoencoder: Autoencoder, pixels: Pixels, functions: Mapping[str, LossFunction], costs: Costs | None = None
) -> tuple[Offset, dict[str, tuple[float, float]]]:
    """Bring an image to the grid and return the offset with each metric's first and second loss.

    The whole image is reconstructed, but the losses leave out a rim of two latents. At a new border the padding differs
    from that at decoding, and on a small image this alone hides the separation. So these losses differ from those of
    `double_losses`. Images that a threshold or a p-value is based on must be measured with this function too, even if
    they are on the grid.

    Args:
        pixels: RGB, uint8, shape (height, width, 3), of any size.
        costs: where the seconds of the search and those of `double_losses` are added.

    Raises:
        UnusableImage: the image is too small to search, as in `offset_losses`.
    """
    costs = costs or Costs(autoencoder.network.device)
    with costs.part("search"):
        offset = find_offset(autoencoder, pixels)
    aligned = to_tensor([apply_offset(pixels, offset, autoencoder.factor)], autoencoder.network.device)
    rim = RIM_IN_LATENTS * autoencoder.factor
    inside = {metric: _without_rim(function, rim) for metric, function in functions.items()}
    losses = double_losses(autoencoder, aligned, inside, costs=costs)
    return offset, {metric: pairs[0] for metric, pairs in losses.items()}


def _without_rim(function: LossFunction, rim: int) -> LossFunction:
    inner = np.s_[..., rim:-rim, rim:-rim]
    return lambda reconstruction, image: function(reconstruction[inner], image[inner])
