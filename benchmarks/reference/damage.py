"""Signals of a real autoencoder under damage: its own decodings against the photographs that they were made from.

The autoencoder is the small one of the reference data; own pictures are its decodings of crops of the Kodak photographs
there, rounded to 8 bits. Cells: area under the ROC curve, and accuracy by a threshold that was fitted on every second
untouched own picture and scored on the others, with all photographs.

    python benchmarks/reference/damage.py --reference FOLDER [--size 96] [--crops 4] [--damage NAME ...]
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tabulate import tabulate

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("workflow/scripts", "tests/support", "benchmarks/demo")]

from measure_damage import CPU, DAMAGE, damaged_tables, measure, measured_homogeneity  # noqa: E402
from score_damage import NO_FIT, SIGNALS, one_row_an_image  # noqa: E402

from aedr.images.pictures import Pixels, decode_image, encode_png  # noqa: E402
from aedr.reconstruction.pixels import to_pixels, to_tensor  # noqa: E402
from aedr.scoring.accuracy import area_under_curve  # noqa: E402
from aedr.scoring.signals import FITTED_SIGNALS, add_signals, fit_parameters  # noqa: E402
from aedr.scoring.thresholds import fit_threshold  # noqa: E402
from taef2 import load_taef2  # noqa: E402

NAME = "taef2"
ASKED = ("untouched", "jpeg-95", "jpeg-90", "jpeg-75", "jpeg-60", "jpeg-40", "webp-80", "shrunk-restored", "mirrored")


def crops(picture: Pixels, size: int, count: int) -> list[Pixels]:
    """Return at most `count` squares on the grid, evenly spread over a picture."""
    height, width = picture.shape[:2]
    corners = [(top, left) for top in range(0, height - size + 1, size) for left in range(0, width - size + 1, size)]
    return [
        picture[top : top + size, left : left + size] for top, left in corners[:: max(len(corners) // count, 1)][:count]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument(
        "--reference",
        type=Path,
        default=os.environ.get("AEDR_REFERENCE"),
        required=not os.environ.get("AEDR_REFERENCE"),
    )
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--crops", type=int, default=4, help="of each photograph")
    parser.add_argument("--damage", nargs="+", default=ASKED, choices=DAMAGE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    autoencoder = load_taef2(arguments.reference)
    rows = []
    for file in sorted((arguments.reference / "photographs").glob("*.png")):
        for number, crop in enumerate(crops(decode_image(file.read_bytes()), arguments.size, arguments.crops)):
            with torch.inference_mode():
                own = to_pixels(autoencoder.reconstruct(to_tensor([crop], CPU), "mode", ()))[0]
            for source, pixels in ((NAME, own), ("photographs", crop)):
                rows.append({"image_id": f"{source}/{file.stem}_{number}", "image": {"bytes": encode_png(pixels)}})
    images = pd.DataFrame(rows)
    measured, cells = {}, []
    for damage in arguments.damage:
        steps = DAMAGE[damage]
        damaged, histories = damaged_tables(images, steps, arguments.size)
        losses = pd.DataFrame(measure(NAME, damaged, histories, autoencoder, "crop", steps))
        tables = {"losses": losses, "homogeneity": measured_homogeneity(damaged)}
        measured[damage] = one_row_an_image(tables)
        cells.append([damage, *(score(measured["untouched"], measured[damage], *view) for view in SIGNALS.values())])
        print(damage, flush=True)
    print(f"\n{len(images) // 2} own pictures and as many photographs of {arguments.size} pixels: area, accuracy\n")
    print(tabulate(cells, ["", *SIGNALS], tablefmt="github", disable_numparse=True))


def score(untouched: pd.DataFrame, damaged: pd.DataFrame, metric: str, signal: str) -> str:
    before, after = (rows[rows["metric"] == metric] for rows in (untouched, damaged))
    own = before[before["source"] == NAME].sort_values("image")
    fitting = own[::2]
    parameters = fit_parameters(fitting, fitting["homogeneity"]) if signal in FITTED_SIGNALS else NO_FIT
    threshold = fit_threshold(add_signals(fitting, parameters)[signal].dropna().to_numpy(), 0.05)
    scored = add_signals(after, parameters)
    is_fitting = scored["image"].isin(fitting["image"])
    of_own = scored.loc[(scored["source"] == NAME) & ~is_fitting, signal].dropna().to_numpy()
    others = scored.loc[scored["source"] != NAME, signal].dropna().to_numpy()
    accuracy = ((of_own < threshold).mean() + (others >= threshold).mean()) / 2
    return f"{area_under_curve(of_own, others):.3f}, {100 * np.asarray(accuracy):.1f}"


if __name__ == "__main__":
    main()
