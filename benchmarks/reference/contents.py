"""Verdicts by a real autoencoder where the images asked about show other contents than the calibration.

The autoencoder is the small one of the reference data. It is calibrated on crops of three of the six Kodak photographs
and its decodings of them, and asked about the crops and decodings of the three others, in all twenty ways to choose
three. Each share's standard error is that over the six photographs asked about.
Crops have 128 pixels, side by side, or 256 pixels that overlap by half.

    python benchmarks/reference/contents.py --reference FOLDER [--sizes 128 256] [--threads 1]
"""

import argparse
import os
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pandas as pd
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / path) for path in ("workflow/scripts", "tests/support", "benchmarks/demo")]

from score_contents import ASKED_BY, PHOTOGRAPHS, Measured, ask, calibrations, show, summarise  # noqa: E402
from verdicts import NAME, autoencoders_table, crops, decode, measure  # noqa: E402

from taef2 import load_taef2  # noqa: E402

SIZES = (128, 256)


def measure_crops(reference: Path, size: int) -> Measured:
    """Return what the autoencoder measures on all crops of the photographs and on its decodings of them."""
    autoencoder = load_taef2(reference)
    photographs = crops(sorted((reference / "photographs").glob("*.png")), PHOTOGRAPHS, 10**6, size)
    images = pd.DataFrame([*photographs, *decode(autoencoder, photographs, NAME)])
    metrics = sorted({metric for metric, _ in ASKED_BY})
    return Measured(images, *measure(autoencoder, images, metrics), autoencoders_table(autoencoder))


def photograph_of(image_id: str) -> str:
    """Return the photograph that an image is a crop of."""
    return image_id.rpartition("/")[2].split("_")[0]


def answers(measured: Measured) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each signal's answers, for every way to calibrate on half of the photographs and ask about the rest."""
    photographs = sorted(set(measured.images["image_id"].map(photograph_of)))
    for known in combinations(photographs, len(photographs) // 2):
        asked = measured.where(lambda image_id, known=known: photograph_of(image_id) not in known)  # type: ignore[misc]
        own = measured.where(lambda image_id, known=known: photograph_of(image_id) in known)  # type: ignore[misc]
        for name, calibration in calibrations(own):
            yield name, ask(calibration, asked, photograph_of).assign(calibration="+".join(known))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--reference", type=Path, default=os.environ.get("AEDR_REFERENCE"), help="the reference data")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="sides of the crops (default: 128 and 256)")
    parser.add_argument("--threads", type=int, default=1, help="threads (default %(default)s)")
    arguments = parser.parse_args()
    if arguments.reference is None:
        parser.error("name the folder of the reference data with --reference, or by AEDR_REFERENCE")
    torch.set_num_threads(arguments.threads)
    tables = {}
    for size in arguments.sizes:
        named = list(answers(measure_crops(Path(arguments.reference), size)))
        for signal in dict(named):
            rows = pd.concat([rows for name, rows in named if name == signal])
            tables[f"three photographs; three others ({size} pixels)", signal] = summarise(rows)
    show(tables)


if __name__ == "__main__":
    main()
