"""How far the losses of an image depend on the batch it is reconstructed in: the demo's autoencoders, on the CPU."""

import sys
from pathlib import Path

import numpy as np
import torch

from aedr.autoencoders.loading import load_autoencoder
from aedr.images.pictures import decode_image
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.pixels import to_tensor

DEMO = Path(__file__).parents[2] / "demo"
BATCH_SIZES = (1, 2, 3, 4, 8)
IMAGES = 8
METRICS = ("l2", "high_frequency", "ssim")


def main() -> None:
    """Print, for each autoencoder and metric, how many losses differ between batch sizes, and the most they do."""
    torch.set_num_threads(1)
    cpu = torch.device("cpu")
    files = sorted((DEMO / "photographs").glob("*.png"))[:IMAGES]
    pictures = to_tensor([decode_image(file.read_bytes(), 10**6) for file in files], cpu)
    functions = {metric: LOSSES[metric] for metric in METRICS}
    for model in sys.argv[1:] or ["demo-sd", "demo-tiny", "demo-vq"]:
        autoencoder = load_autoencoder(DEMO / "models" / model, "float32", cpu)
        found = {}
        for size in BATCH_SIZES:
            parts = [double_losses(autoencoder, part, functions) for part in pictures.split(size)]
            found[size] = {metric: np.array([pair for part in parts for pair in part[metric]]) for metric in METRICS}
        for metric in METRICS:
            alone, several = found[1][metric], found[2][metric]
            differing = sum((found[size][metric] != several).any() for size in BATCH_SIZES[1:])
            print(
                f"{model} {metric}: alone against two {np.abs(alone / several - 1).max():.1e} relative; "
                f"{differing} of {len(BATCH_SIZES) - 1} larger batches differ from that of two"
            )


if __name__ == "__main__":
    main()
