"""A control that needs no own image: is an image nearer in its own orientation than turned and mirrored?

    PYTHONPATH=workflow/scripts python benchmarks/demo/orientation_control.py REAL ASKED ... [--images 12]

The signal is the logarithm of the loss ratio, minus the median of those of the image's seven other orientations. An
autoencoder did not decode any of these, so what it did not decode lies near zero. The threshold of each autoencoder is
the 5 % quantile of the signals of untouched photographs (those of the study REAL). Asked are the images of the studies
ASKED: how many of the autoencoder's own images, of other autoencoders' and of photographs are accepted. It costs eight
double reconstructions an image. Beside it stands the plain ratio, with a threshold that is fitted alike.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from measure_damage import AUTOENCODERS, CPU, DAMAGE
from tabulate import tabulate

from aedr.autoencoders.loading import Autoencoder, load_autoencoder
from aedr.images.pictures import Pixels, decode_image
from aedr.observations.operators import ORIENTATIONS, turn
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.pixels import to_tensor
from aedr.robustness.transforms import transform_image
from aedr.scoring.accuracy import area_under_curve
from aedr.tables.files import read_tables

METRICS = ("l2", "mid_frequency", "high_frequency")
ASKED = ("untouched", "jpeg-75")
LEVEL = 0.05
SIGNALS = {
    "plain ratio": lambda ratios: ratios[:, 0],
    "orientation control": lambda ratios: ratios[:, 0] - np.median(ratios[:, 1:], axis=1),
}


def log_ratios(autoencoder: Autoencoder, pixels: list[Pixels]) -> dict[str, npt.NDArray[np.float64]]:
    """Return, by metric, the logarithm of every picture's loss ratio in each orientation, (images, orientations)."""
    functions = {metric: LOSSES[metric] for metric in METRICS}
    ratios: dict[str, list[npt.NDArray[np.float64]]] = {metric: [] for metric in METRICS}
    for start in range(0, len(pixels), 12):
        batch = to_tensor(pixels[start : start + 12], CPU)
        turned = [double_losses(autoencoder, turn(batch, orientation), functions) for orientation in ORIENTATIONS]
        for metric in METRICS:
            losses = np.array([of_orientation[metric] for of_orientation in turned])
            ratios[metric].append(np.log(losses[..., 0] / losses[..., 1]).T)
    return {metric: np.concatenate(parts) for metric, parts in ratios.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("real", type=Path)
    parser.add_argument("asked", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=12, help="of each model in each study")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    def read(results: Path, source: str) -> list[bytes]:
        table = read_tables(sorted((results / "images" / source).glob("*.parquet")), "images")
        return [image["bytes"] for image in table["image"]]

    real = [decode_image(data) for data in read(arguments.real, "photographs")]
    asked: dict[str, list[bytes]] = {
        source: [data for results in arguments.asked for data in read(results, source)[: arguments.images]]
        for source in AUTOENCODERS
    }
    # The same ones in every study.
    asked["photographs"] = read(arguments.asked[0], "photographs")
    sources = np.array([source for source, files in asked.items() for _ in files])
    rows = []
    for name in AUTOENCODERS:
        autoencoder = load_autoencoder(f"demo/models/{name}", "float32", CPU)
        of_real = log_ratios(autoencoder, real)
        for damage in ASKED:
            pictures = [
                decode_image(transform_image(data, DAMAGE[damage], seed=0))
                for files in asked.values()
                for data in files
            ]
            of_asked = log_ratios(autoencoder, pictures)
            for metric, (signal, of) in itertools.product(METRICS, SIGNALS.items()):
                values = of(of_asked[metric])
                is_near = values <= np.quantile(of(of_real[metric]), LEVEL)
                others = (sources != name) & (sources != "photographs")
                rows.append(
                    {
                        "metric": metric,
                        "signal": signal,
                        "damage": damage,
                        "own": is_near[sources == name].mean(),
                        "other autoencoders": is_near[others].mean(),
                        "photographs": is_near[sources == "photographs"].mean(),
                        "area": area_under_curve(values[sources == name], values[sources != name]),
                    }
                )
        print(name, flush=True)
    measures = ["own", "other autoencoders", "photographs", "area"]
    means = pd.DataFrame(rows).groupby(["metric", "signal", "damage"], sort=False)[measures].mean().reset_index()
    print(f"\naccepted by a threshold from {len(real)} untouched photographs, means over {', '.join(AUTOENCODERS)}\n")
    print(tabulate(means, "keys", "github", floatfmt=".3f", showindex=False))


if __name__ == "__main__":
    main()
