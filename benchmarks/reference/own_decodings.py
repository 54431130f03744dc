"""How well a real autoencoder knows its own decodings from other pictures, untouched and damaged.

The autoencoder is the small one of the reference data; its own pictures are decodings of 256-pixel crops of the six
Kodak photographs there, rounded to 8 bits and written as PNG. Every figure is an area under the ROC curve of "an own
decoding has the smaller signal" (1 is perfect, .5 is chance), through aedr's own functions.

First table: own decodings against FLUX.1, SDXL, real JPEGs and the Kodak crops that the decodings were made from.
Second table: own decodings against Kodak crops, both damaged alike.

    python benchmarks/reference/own_decodings.py --reference FOLDER [--crops 3] [--threads 1]
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support")]

from aedr.autoencoders.loading import Autoencoder  # noqa: E402
from aedr.images.homogeneity import homogeneity, read_grey  # noqa: E402
from aedr.images.pictures import Pixels, decode_image, encode_png  # noqa: E402
from aedr.reconstruction.double_reconstruction import double_losses  # noqa: E402
from aedr.reconstruction.losses import LOSSES  # noqa: E402
from aedr.reconstruction.pixels import apply_fit, fit_to_grid, to_pixels, to_tensor  # noqa: E402
from aedr.scoring.accuracy import area_under_curve  # noqa: E402
from taef2 import load_taef2  # noqa: E402

CROP = 256
METRICS = ("l2", "high_frequency", "mid_frequency")
CALIBRATED = "l2 * H"
OTHERS = ("flux", "sdxl", "real")
CPU = torch.device("cpu")

Signals = Mapping[str, npt.NDArray[np.float64]]
Damage = Callable[[bytes, int], bytes]


def crops(picture: Pixels, count: int) -> list[Pixels]:
    """Cut a picture into squares of CROP pixels, on the grid, and return every second one, at most `count`."""
    height, width = picture.shape[:2]
    corners = [(top, left) for top in range(0, height - CROP + 1, CROP) for left in range(0, width - CROP + 1, CROP)]
    return [picture[top : top + CROP, left : left + CROP] for top, left in corners[::2][:count]]


def read_crops(folder: Path, count: int) -> list[bytes]:
    """Return `count` crops, as PNG, of each picture in `folder`."""
    files = sorted(file for file in folder.iterdir() if file.suffix in (".png", ".jpg"))
    return [encode_png(crop) for file in files for crop in crops(decode_image(file.read_bytes()), count)]


def decode_own(autoencoder: Autoencoder, pictures: Iterable[bytes]) -> list[bytes]:
    """Return each picture as `autoencoder` decodes it: 8 bits, PNG."""
    return [
        encode_png(to_pixels(autoencoder.reconstruct(_to_images(autoencoder, data), "mode", ()))[0])
        for data in pictures
    ]


def _to_images(autoencoder: Autoencoder, data: bytes) -> torch.Tensor:
    pixels = decode_image(data)
    height, width = pixels.shape[:2]
    fit = fit_to_grid(height, width, autoencoder.factor, "crop", None)
    return to_tensor([apply_fit(pixels, fit)], CPU)


def measure(autoencoder: Autoencoder, pictures: Iterable[bytes]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the loss ratio for every metric, the calibrated one, and the PSNR in dB; shape (pictures,) each."""
    rows = []
    for data in pictures:
        losses = double_losses(
            autoencoder, _to_images(autoencoder, data), {metric: LOSSES[metric] for metric in METRICS}
        )
        row = {metric: pairs[0][0] / pairs[0][1] for metric, pairs in losses.items()}
        # Pixels in [-1, 1] span 2, whose square is 4.
        rows.append(
            row
            | {
                CALIBRATED: row["l2"] * homogeneity(read_grey(data)),
                "psnr": float(10 * np.log10(4 / losses["l2"][0][0])),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def untouched(data: bytes, at: int) -> bytes:
    """Leave the picture as it is."""
    return data


def jpeg(quality: int) -> Damage:
    """Compress as JPEG."""

    def damage(data: bytes, at: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(decode_image(data)).save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()

    return damage


def noise(levels: float) -> Damage:
    """Add Gaussian noise of a standard deviation of so many of 255 levels, seeded by the picture's position."""

    def damage(data: bytes, at: int) -> bytes:
        pixels = decode_image(data)
        noisy = pixels + np.random.default_rng(at).normal(0, levels, pixels.shape)
        return encode_png(noisy.round().clip(0, 255).astype(np.uint8))

    return damage


def cut(pixels: int) -> Damage:
    """Cut so many pixels off the top and the left."""
    return lambda data, at: encode_png(decode_image(data)[pixels:, pixels:])


def resize(factor: float, back: bool = False) -> Damage:
    """Resample (bicubic) to `factor` of the side, and to the original size again if `back`."""

    def damage(data: bytes, at: int) -> bytes:
        image = Image.fromarray(decode_image(data))
        small = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)
        return encode_png(np.asarray(small.resize(image.size, Image.Resampling.BICUBIC) if back else small))

    return damage


DAMAGES: Mapping[str, Damage] = {
    "untouched": untouched,
    "JPEG 95": jpeg(95),
    "JPEG 90": jpeg(90),
    "JPEG 75": jpeg(75),
    "JPEG 60": jpeg(60),
    "noise of 2 levels": noise(2),
    "crop by 8 pixels": cut(8),
    "crop by 3 pixels": cut(3),
    "shrunk to 0.75": resize(0.75),
    "shrunk to 0.75, then back": resize(0.75, back=True),
}


def areas(own: Signals, others: Signals, names: Sequence[str]) -> dict[str, float]:
    """Return the area under the ROC curve of each named signal."""
    return {name: area_under_curve(own[name], others[name]) for name in names}


def against_others(autoencoder: Autoencoder, reference: Path, own: Signals, count: int) -> dict[str, dict[str, float]]:
    """Return, for each of OTHERS, the area under the curve of t, t * H and the other metrics' ratios."""
    names = (*METRICS, CALIBRATED)
    return {
        other: areas(own, measure(autoencoder, read_crops(reference / "images" / other, count)), names)
        for other in OTHERS
    }


def under_damage(
    autoencoder: Autoencoder, own: Sequence[bytes], photographs: Sequence[bytes], damage: Damage
) -> dict[str, float]:
    """Return the area under the curve of each metric's ratio after the same damage to both sides."""
    damaged, others = (
        measure(autoencoder, [damage(data, at) for at, data in enumerate(side)]) for side in (own, photographs)
    )
    return areas(damaged, others, METRICS)


def argument_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark on the reference data takes."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    reference = os.environ.get("AEDR_REFERENCE")
    parser.add_argument(
        "--reference",
        type=Path,
        default=reference,
        required=reference is None,
        help="folder of the reference data (default: $AEDR_REFERENCE)",
    )
    parser.add_argument("--crops", type=int, default=3, help="crops of each picture (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads (default %(default)s)")
    return parser


def main() -> None:
    arguments = argument_parser(str(__doc__)).parse_args()
    torch.set_num_threads(arguments.threads)
    autoencoder = load_taef2(arguments.reference)
    photographs = read_crops(arguments.reference / "photographs", arguments.crops)
    own = decode_own(autoencoder, photographs)
    signals, kodak = measure(autoencoder, own), measure(autoencoder, photographs)

    print(f"{len(own)} own decodings, {len(photographs)} photographs, up to {arguments.crops} crops a picture\n")
    print("| | PSNR, dB | t | high-frequency t | mid-frequency t |\n|---|---|---|---|---|")
    for name, side in (("own decodings", signals), ("photographs", kodak)):
        ranges = (f"{np.median(v):.2f} ({v.min():.2f} to {v.max():.2f})" for v in (side[m] for m in METRICS))
        print(f"| {name} | {side['psnr'].min():.1f} to {side['psnr'].max():.1f} | {' | '.join(ranges)} |")

    columns = against_others(autoencoder, arguments.reference, signals, arguments.crops)
    columns["Kodak"] = areas(signals, kodak, (*METRICS, CALIBRATED))
    print(f"\n| own decodings against | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for signal in ("l2", CALIBRATED, "high_frequency", "mid_frequency"):
        print(f"| {signal} | {' | '.join(f'{column[signal]:.3f}' for column in columns.values())} |")

    print(f"\n| own decodings against photographs | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}")
    for name, damage in DAMAGES.items():
        row = under_damage(autoencoder, own, photographs, damage)
        print(f"| {name} | {' | '.join(f'{row[metric]:.3f}' for metric in METRICS)} |", flush=True)


if __name__ == "__main__":
    main()
