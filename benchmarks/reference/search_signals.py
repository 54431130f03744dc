"""A search for a signal that survives JPEG and mild resizing: chosen on some photographs, reported on others.

Two settings: the real small autoencoder of the reference data, its own decodings against photographs (Kodak's and
scikit-image's); and the demo's five autoencoders, each decoding the same photographs, own decodings against the others'
and the photographs. Every image is damaged alike, and whatever is fitted is fitted on own images damaged alike: a query
can be treated so once its damage is known.

A signal is a metric and how its two losses are combined. Metrics are the energy of a reconstruction's difference, in
RGB or in luma alone: of all frequencies, or of the Laplacian after averaging over 1, 2, 4 or 8 pixels a side.
    ratio      first loss over second
    residual   of the logarithm of the first loss on that of the second
    content    the same, on the picture's own energy in that band too
    sum A+B    sum of the residuals of several metrics, each over its own images' standard deviation
    far A+B    Mahalanobis distance of these residuals from own images

    python benchmarks/reference/search_signals.py --reference FOLDER [--size 128] [--crops 6] [--demo MODEL ...]
        [--threads 1]

The scores of a setting are kept in results/search_signals/ and taken from there again.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image
from skimage import data as skimage_data

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support")]

from aedr.autoencoders.loading import Autoencoder, load_autoencoder  # noqa: E402
from aedr.images.pictures import decode_image, encode_png  # noqa: E402
from aedr.reconstruction.losses import ENERGIES  # noqa: E402
from aedr.reconstruction.pixels import to_pixels, to_tensor  # noqa: E402
from aedr.robustness.transforms import transform_image  # noqa: E402
from aedr.scoring.accuracy import area_under_curve, true_positive_rate_at  # noqa: E402
from aedr.seeds import seed_of  # noqa: E402
from taef2 import load_taef2  # noqa: E402

CPU = torch.device("cpu")
MAX_PIXELS = 10**8
KEPT = ROOT / "results/search_signals"
BATCH = 12
CHOOSING = ("kodim01", "kodim08", "kodim19", "astronaut", "coffee", "china")
DAMAGES: dict[str, list[dict]] = {
    "untouched": [{"png": {}}],
    "JPEG 90": [{"jpeg": 90}],
    "JPEG 75": [{"jpeg": 75}],
    "WebP 80": [{"webp": 80}],
    "0.75 and back": [{"resize": 0.75}, {"restore_size": {}}],
    "0.75, JPEG 75 and back": [{"resize": 0.75}, {"jpeg": 75}, {"restore_size": {}}],
}
# What a signal is chosen by.
TARGETS = ["JPEG 75", "WebP 80", "0.75 and back"]
LUMA = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)

Losses = dict[str, npt.NDArray[np.float64]]


def pooled_laplacian(side: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the energy of the Laplacian after averaging over `side` pixels a side."""
    return lambda difference: ENERGIES["high_frequency"](F.avg_pool2d(difference, side))


BANDS = {"l2": ENERGIES["l2"], "laplacian": ENERGIES["high_frequency"]} | {
    f"laplacian/{side}": pooled_laplacian(side) for side in (2, 4, 8)
}
METRICS = [f"{band}{part}" for part in ("", ", luma") for band in BANDS]


def energies(images: torch.Tensor) -> Losses:
    """Return each image's energy by METRICS; shape (images,) each."""
    luma = (images * LUMA).sum(1, keepdim=True)
    return {
        f"{band}{part}": function(channels).mean((1, 2, 3)).numpy()
        for part, channels in (("", images), (", luma", luma))
        for band, function in BANDS.items()
    }


def measure(autoencoder: Autoencoder, pictures: list[bytes]) -> pd.DataFrame:
    """Return first and second loss and the picture's own energy by each metric, a row for each picture of one size."""
    parts = []
    with torch.inference_mode():
        for at in range(0, len(pictures), BATCH):
            pixels = [decode_image(picture) for picture in pictures[at : at + BATCH]]
            height, width = (side // autoencoder.factor * autoencoder.factor for side in pixels[0].shape[:2])
            images = to_tensor([picture[:height, :width] for picture in pixels], CPU)
            first = autoencoder.reconstruct(images, "mode", ())
            second = autoencoder.reconstruct(first, "mode", ())
            kinds = {
                "first": first - images,
                "second": second - first,
                "own": images - images.mean((2, 3), keepdim=True),
            }
            columns = {(kind, m): v for kind, tensor in kinds.items() for m, v in energies(tensor).items()}
            parts.append(pd.DataFrame(columns))
    return np.log(pd.concat(parts, ignore_index=True))


def residual(
    logs: pd.DataFrame, fitted: npt.NDArray[np.bool_], metric: str, *, content: bool
) -> npt.NDArray[np.float64]:
    """Return what the log first loss exceeds its regression by, in standard deviations over the `fitted` images."""
    columns = [logs["second", metric], *([logs["own", metric]] if content else [])]
    regressors = np.column_stack([np.ones(len(logs)), *columns])
    observed = logs["first", metric].to_numpy()
    left = observed - regressors @ np.linalg.lstsq(regressors[fitted], observed[fitted], rcond=None)[0]
    return left / left[fitted].std()


def signals(logs: pd.DataFrame, fitted: npt.NDArray[np.bool_]) -> Losses:
    """Return every candidate signal of the images in `logs`, small for own ones; fitted on the `fitted` images."""
    found = {}
    for metric in METRICS:
        found[f"ratio: {metric}"] = (logs["first", metric] - logs["second", metric]).to_numpy()
        found[f"residual: {metric}"] = residual(logs, fitted, metric, content=False)
        found[f"content: {metric}"] = residual(logs, fitted, metric, content=True)
    for part in ("", ", luma"):
        for bands in (
            ("laplacian", "laplacian/2"),
            ("laplacian/2", "laplacian/4"),
            ("laplacian", "laplacian/2", "laplacian/4"),
        ):
            joined = np.column_stack([found[f"residual: {band}{part}"] for band in bands])
            name = f"{'+'.join(bands)}{part}"
            found[f"sum: {name}"] = joined.sum(1)
            centred = joined - joined[fitted].mean(0)
            precision = np.linalg.pinv(np.cov(centred[fitted].T))
            # Only a loss too large speaks against an image.
            found[f"far: {name}"] = np.einsum("ni,ij,nj->n", centred.clip(0), precision, centred.clip(0))
    return found


def score(
    logs: pd.DataFrame, images: pd.DataFrame, fitted: pd.Series, scored: pd.Series
) -> dict[str, tuple[float, float]]:
    """Return each signal's area under the curve and true positives at 1 % false positives."""
    own, others = (scored & images["own"]).to_numpy(), (scored & ~images["own"]).to_numpy()
    return {
        name: (area_under_curve(values[own], values[others]), true_positive_rate_at(0.01, values[own], values[others]))
        for name, values in signals(logs, (fitted & images["own"]).to_numpy()).items()
    }


def reference_pictures(reference: Path, size: int, crops: int) -> Iterator[tuple[str, bytes]]:
    """Yield squares, with their photograph's name, of Kodak's photographs and of scikit-image's."""
    pictures: dict[str, Image.Image] = {
        file.stem: Image.open(file) for file in sorted((reference / "photographs").glob("*.png"))
    }
    pictures |= {
        name: Image.fromarray(getattr(skimage_data, name)()) for name in ("astronaut", "coffee", "chelsea", "rocket")
    }
    for name, picture in pictures.items():
        pixels = np.asarray(picture.convert("RGB"))
        rows, columns = pixels.shape[0] // size, pixels.shape[1] // size
        for at in np.linspace(0, rows * columns - 1, min(crops, rows * columns)).astype(int):
            top, left = (int(at) // columns * size, int(at) % columns * size)
            yield name, encode_png(pixels[top : top + size, left : left + size])


def demo_pictures() -> Iterator[tuple[str, bytes]]:
    """Yield the demo's crops with their photograph's name."""
    for file in sorted((ROOT / "demo/photographs").glob("*.png")):
        yield file.stem.rpartition("_")[0], file.read_bytes()


def decode(autoencoder: Autoencoder, pictures: list[bytes]) -> list[bytes]:
    """Return pictures of one size as an autoencoder decodes them, 8 bits, PNG."""
    with torch.inference_mode():
        return [
            encode_png(pixels)
            for at in range(0, len(pictures), BATCH)
            for pixels in to_pixels(
                autoencoder.reconstruct(
                    to_tensor([decode_image(p) for p in pictures[at : at + BATCH]], CPU), "mode", ()
                )
            )
        ]


def evaluate(autoencoders: dict[str, Autoencoder], photographs: list[tuple[str, bytes]]) -> pd.DataFrame:
    """Return the scores of every signal, damage and autoencoder, for choosing and for the report.

    For choosing, of the choosing photographs' images one half is fitted on and the other scored. For the report, all of
    these are fitted on and the images of the other photographs are scored.
    """
    pictures = [picture for _, picture in photographs]
    sets = {"photographs": pictures} | {
        name: decode(autoencoder, pictures) for name, autoencoder in autoencoders.items()
    }
    images = pd.DataFrame(
        {"source": source, "photograph": name, "at": at, "picture": picture}
        for source, members in sets.items()
        for at, ((name, _), picture) in enumerate(zip(photographs, members, strict=True))
    )
    choosing = images["photograph"].isin(CHOOSING)
    half = images["at"].map(lambda at: seed_of("half", at) % 2 == 0)
    rows = []
    for damage, steps in DAMAGES.items():
        damaged = [
            transform_image(image.picture, steps, seed_of(damage, image.source, image.at), MAX_PIXELS)
            for image in images.itertuples()
        ]
        for name, autoencoder in autoencoders.items():
            logs, known = measure(autoencoder, damaged), images.assign(own=images["source"] == name)
            for part, fitted, scored in (
                ("choose", choosing & half, choosing & ~half),
                ("report", choosing, ~choosing),
            ):
                for signal, (area, rate) in score(logs, known, fitted, scored).items():
                    rows.append((part, damage, name, signal, area, rate))
        print(f"{damage}: {time.process_time():.0f} CPU s", file=sys.stderr, flush=True)
    return pd.DataFrame(rows, columns=["part", "damage", "autoencoder", "signal", "auc", "rate"])


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--reference", type=Path, default=os.environ.get("AEDR_REFERENCE"), help="the reference data")
    parser.add_argument("--threads", type=int, default=1, help="threads (default %(default)s)")
    parser.add_argument("--size", type=int, default=128, help="side of a crop of the photographs (default %(default)s)")
    parser.add_argument("--crops", type=int, default=6, help="crops of each photograph (default %(default)s)")
    models = sorted(path.name for path in (ROOT / "demo/models").iterdir())
    parser.add_argument("--demo", nargs="+", default=models, choices=models, help="the demo's models (default: all)")
    arguments = parser.parse_args()
    if arguments.reference is None:
        parser.error("name the folder of the reference data with --reference, or by AEDR_REFERENCE")
    torch.set_num_threads(arguments.threads)
    demo = {name: load_autoencoder(ROOT / "demo/models" / name, "float32", CPU) for name in arguments.demo}
    photographs = list(reference_pictures(arguments.reference, arguments.size, arguments.crops))
    settings = {
        "demo's autoencoders": (demo, list(demo_pictures())),
        "real autoencoder": ({"taef2": load_taef2(arguments.reference)}, photographs),
    }
    KEPT.mkdir(parents=True, exist_ok=True)
    for setting, parts in settings.items():
        if not (KEPT / f"{setting}.csv").exists():
            evaluate(*parts).assign(setting=setting).to_csv(KEPT / f"{setting}.csv", index=False)
    scores = pd.concat([pd.read_csv(KEPT / f"{setting}.csv") for setting in settings])
    means = scores.groupby(["part", "setting", "signal", "damage"])[["auc", "rate"]].mean()
    chosen = means.loc["choose"]["auc"].unstack("damage")[TARGETS].mean(axis=1).unstack("setting")
    ranking = chosen.mean(axis=1).sort_values(ascending=False)
    print("Chosen by the mean area under the curve over", ", ".join(TARGETS), "and both settings:\n")
    for signal in ranking.index[:8]:
        print(
            f"  {ranking[signal]:.3f}  {signal}  ({', '.join(f'{k} {v:.3f}' for k, v in chosen.loc[signal].items())})"
        )
    shown = ["ratio: l2", "residual: l2", "ratio: laplacian", "residual: laplacian", "ratio: laplacian/2"]
    shown = list(dict.fromkeys([*shown, "residual: laplacian/2", *ranking.index[:3]]))
    for setting in settings:
        print(f"\n{setting}, other photographs: area under the curve, true positives at 1 % false positives\n")
        print(f"| | {' | '.join(shown)} |\n|---|{'---|' * len(shown)}")
        for damage in DAMAGES:
            cells = (means.loc["report", setting, signal, damage] for signal in shown)
            print(f"| {damage} | {' | '.join(f'{cell.auc:.3f}, {cell.rate:.2f}' for cell in cells)} |")


if __name__ == "__main__":
    main()
