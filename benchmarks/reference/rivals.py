"""Rivals on a real autoencoder: how well each method tells its own decodings from photographs, and in what time.

The autoencoder is the small one of the reference data; its own pictures are decodings of 256-pixel crops of the six
Kodak photographs there, rounded to 8 bits. The figure is the area under the ROC curve of "an own decoding has the
smaller signal". Seconds are those of the processor, so that other work on the machine changes them little.

    python benchmarks/reference/rivals.py --reference FOLDER [--crops 3] [--steps 100] [--ronan-steps 100] [--threads 1]
"""

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from own_decodings import CPU, argument_parser, decode_own, load_taef2, read_crops

from aedr.autoencoders.loading import Autoencoder
from aedr.images.pictures import decode_image
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.pixels import to_tensor
from aedr.rivals.measuring import load_rival
from aedr.scoring.accuracy import area_under_curve

BATCH = 6


def batches(pictures: Sequence[bytes]) -> list[torch.Tensor]:
    """Return the pictures as tensors of at most BATCH images."""
    return [
        to_tensor([decode_image(data) for data in pictures[at : at + BATCH]], CPU)
        for at in range(0, len(pictures), BATCH)
    ]


def measure_rival(
    autoencoder: Autoencoder, pictures: Sequence[bytes], name: str, **settings: object
) -> npt.NDArray[np.float64]:
    """Return a rival's loss of each picture."""
    measure = load_rival(name, settings, None, CPU)
    losses = [pair for images in batches(pictures) for pair in measure(autoencoder, images, range(len(images)))]
    return np.array([first for first, _ in losses])


def measure_twice(autoencoder: Autoencoder, pictures: Sequence[bytes], metric: str) -> npt.NDArray[np.float64]:
    """Return first and second loss of each picture, shape (pictures, 2)."""
    found = [double_losses(autoencoder, images, {metric: LOSSES[metric]})[metric] for images in batches(pictures)]
    return np.array([pair for pairs in found for pair in pairs])


def main() -> None:
    parser = argument_parser(str(__doc__))
    parser.add_argument("--steps", type=int, default=100, help="steps of LatentTracer (default %(default)s)")
    parser.add_argument("--ronan-steps", type=int, default=100, help="steps of RONAN (default %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    autoencoder = load_taef2(arguments.reference)
    photographs = read_crops(arguments.reference / "photographs", arguments.crops)
    sides = [decode_own(autoencoder, photographs), photographs]

    print(f"{len(photographs)} own decodings, {len(photographs)} photographs of 256 pixels\n")
    print("| method | AUC | seconds an image | against double reconstruction |\n|---|---|---|---|")
    double_seconds = 0.0
    first_losses: list[npt.NDArray[np.float64]] = []
    traced: list[npt.NDArray[np.float64]] = []
    for metric in ("l2", "high_frequency"):
        began = time.process_time()
        own, others = (measure_twice(autoencoder, side, metric) for side in sides)
        seconds = (time.process_time() - began) / (2 * len(photographs))
        if metric == "l2":
            double_seconds = seconds
            first_losses = [own[:, 0], others[:, 0]]
            print(f"| first loss alone (l2) | {area_under_curve(own[:, 0], others[:, 0]):.3f} | | |")
        area = area_under_curve(own[:, 0] / own[:, 1], others[:, 0] / others[:, 1])
        print(f"| loss ratio ({metric}) | {area:.3f} | {seconds:.3f} | {seconds / double_seconds:.2f} |", flush=True)
    for name, settings in {
        "hfi": {"distance": "l2", "kernel_size": 3, "sigma": 1.0},
        "latent_tracer": {"steps": arguments.steps, "learning_rate": 0.05},
        "ronan": {"steps": arguments.ronan_steps, "learning_rate": 0.1},
    }.items():
        began = time.process_time()
        own, others = (measure_rival(autoencoder, side, name, **settings) for side in sides)
        seconds = (time.process_time() - began) / (2 * len(photographs))
        label = f"{name}, {settings['steps']} steps" if "steps" in settings else f"{name}, {settings['distance']}"
        area = area_under_curve(own, others)
        print(f"| {label} | {area:.3f} | {seconds:.3f} | {seconds / double_seconds:.1f} |", flush=True)
        if name == "latent_tracer":
            traced = [own, others]
    left = [np.median(end / start) for end, start in zip(traced, first_losses, strict=True)]
    worse = sum(int((end > start).sum()) for end, start in zip(traced, first_losses, strict=True))
    print(f"\nlatent_tracer leaves {left[0]:.3f} (own) and {left[1]:.3f} (others) of the first loss in the median,")
    print(f"and more than the whole of it for {worse} of {2 * len(photographs)} pictures")


if __name__ == "__main__":
    main()
