"""What the bounds for autoencoders rest on, with the demo's: a photograph reproduced, and sketches of copies.

For each autoencoder: the share of the photograph's variance that it explains; the ratio of its error in [-1, 1] to that
in [0, 1], which must be small; the same ratio after it was changed to pixels in [0, 1], which must be large. Then the
largest difference of its sketch, relative to the scale, from those of copies in bfloat16 and float16, and from that of
weights that each change by 1 % (normal numbers).
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from aedr.autoencoders.convention import SIZES, Convention
from aedr.autoencoders.families import BUCKETS
from aedr.autoencoders.fingerprints import sketch, used_tensors
from aedr.autoencoders.loading import Autoencoder, load_autoencoder
from aedr.autoencoders.photograph import explained_share, read_photograph

MODELS = Path(__file__).parents[2] / "demo/models"
CPU = torch.device("cpu")


def error(autoencoder: Autoencoder, photograph: torch.Tensor) -> float:
    """Return the share of the photograph's variance that a reconstruction leaves."""
    with torch.inference_mode():
        return 1 - explained_share(autoencoder.reconstruct(photograph, "mode", [0])[0], photograph[0])


def ratio(autoencoder: Autoencoder, photograph: torch.Tensor, is_positive: bool) -> float:
    """Return the error in [-1, 1] divided by that in [0, 1], of the autoencoder or of one changed to [0, 1]."""
    errors = []
    for black in (-1.0, 0.0):
        # What a network of [0, 1] takes for x, the same network of [-1, 1] takes for 2 x - 1.
        shown = photograph if black == -1 else (photograph + 1) / 2
        shown = shown * 2 - 1 if is_positive else shown
        with torch.inference_mode():
            made = autoencoder.reconstruct(shown, "mode", [0])
        made = (made + 1) / 2 if is_positive else made
        errors.append(1 - explained_share((made if black == -1 else made * 2 - 1)[0], photograph[0]))
    return errors[0] / errors[1]


def difference(tensors: Mapping[str, torch.Tensor], change: Callable[[torch.Tensor], torch.Tensor]) -> float:
    """Return the largest difference of a number in the sketch of changed tensors, relative to its scale."""
    changed = {name: change(tensor) for name, tensor in tensors.items()}
    one, other = (np.array(sketch(each)).reshape(-1, 2, BUCKETS) for each in (tensors, changed))
    scales = np.maximum(one, other)[:, 1:]
    return float((np.abs(one - other) / np.where(scales > 0, scales, 1)).max())


def main() -> None:
    """Print a line for each of the demo's autoencoders."""
    generator = torch.Generator().manual_seed(0)
    for folder in sorted(MODELS.iterdir()):
        autoencoder = dataclasses.replace(load_autoencoder(folder, "float32", CPU), convention=Convention())
        small, large = (read_photograph(*size, CPU) for size in SIZES)
        weights = {k: v for part in used_tensors(autoencoder) for k, v in part.items()}
        changes = {
            "bfloat16": lambda tensor: tensor.bfloat16().float(),
            "float16": lambda tensor: tensor.half().float(),
            "1 %": lambda tensor: tensor * (1 + 0.01 * torch.randn(tensor.shape, generator=generator)),
        }
        found = ", ".join(f"{name} {difference(weights, change):.4f}" for name, change in changes.items())
        usual, positive = (ratio(autoencoder, small, is_positive) for is_positive in (False, True))
        print(
            f"{folder.name}: explains {1 - error(autoencoder, large):.2f}; error ratio {usual:.2f}, in [0, 1] "
            f"{positive:.1f}; sketches: {found}"
        )


if __name__ == "__main__":
    main()
