"""Whether a few patches of a picture can stand for all of it: what their losses are, and what their ratio is worth.

A patch lies on the autoencoder's grid and is reconstructed twice by itself. Its losses are taken inside it, without a
rim. Two things make them differ from the losses at the same place of the whole picture: the padding at the patch's
border, which a rim leaves out, and group normalisation, whose means are of the patch and not of the picture.

* **Change.** The logarithm of a patch's loss over that at the same place of the whole picture, both without the rim.
* **Worth.** The ratio of so many patches is the sum of their first losses over that of their second ones. Own pictures
  against all others, as the area under the ROC curve; and accuracy by a threshold from own pictures of one half of the
  photographs, on the pictures of the other half. Means over draws of patches, which for own pictures and others are
  at the same places. CPU seconds are of reconstructing that many patches of a picture, in one batch and one thread.
  Beside them stands what the same places are worth if the whole picture is reconstructed: what is lost by looking at
  less, without what is lost by reconstructing less.

Two sets of pictures, whose patches tile them:

* `--reference FOLDER`: the small real autoencoder there, whole photographs (768 x 512) and its decodings of them.
* Always: the demo's continuous autoencoders, squares of 128 pixels of photographs that the demo was not made of, and
  every one's decodings of them. Others are the photographs and the other autoencoders' decodings.

    python benchmarks/cost/patches.py [--reference FOLDER]
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("workflow/scripts", "tests/support", "benchmarks/demo")]

from crop_unseen_photographs import PHOTOGRAPHS, shrunk_photograph  # noqa: E402

from aedr.autoencoders.loading import Autoencoder, load_autoencoder  # noqa: E402
from aedr.images.pictures import Pixels, decode_image  # noqa: E402
from aedr.reconstruction.losses import ENERGIES  # noqa: E402
from aedr.reconstruction.pixels import to_pixels, to_tensor  # noqa: E402
from aedr.scoring.accuracy import area_under_curve  # noqa: E402
from aedr.scoring.thresholds import fit_threshold  # noqa: E402
from taef2 import load_taef2  # noqa: E402

METRICS = ("l2", "high_frequency")
DEMO = ("demo-sd", "demo-sd3", "demo-tiny", "demo-xl")
CPU = torch.device("cpu")
LEVEL = 0.05
DRAWS = 20
BATCH = 8

# First and second losses: shape (..., 2).
Losses = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Losses of one picture: of the whole, shape (2,); and by rim at the patches' places, shape (patches, 2)."""

    whole: Losses
    at_places: Mapping[int, Losses]
    in_patches: Mapping[int, Losses]


def energies(autoencoder: Autoencoder, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the energy of both differences at every pixel, shape (2, images, height, width), for each metric."""
    with torch.inference_mode():
        first = autoencoder.reconstruct(images, "mode", ())
        second = autoencoder.reconstruct(first, "mode", ())
        found = {}
        for metric in METRICS:
            both = torch.stack([ENERGIES[metric](first - images).mean(1), ENERGIES[metric](second - first).mean(1)])
            # The Laplacian loses a rim of one pixel. Both losses have zeros there.
            lost = (images.shape[2] - both.shape[2]) // 2
            found[metric] = F.pad(both, (lost, lost, lost, lost))
    return found


def corners(picture: Pixels, patch: int) -> list[tuple[int, int]]:
    """Return the corners of the patches that tile a picture."""
    height, width = picture.shape[:2]
    return [(top, left) for top in range(0, height - patch + 1, patch) for left in range(0, width - patch + 1, patch)]


def cut(picture: Pixels, patch: int) -> list[Pixels]:
    """Return a picture's patches, in the order of `corners`."""
    return [picture[top : top + patch, left : left + patch] for top, left in corners(picture, patch)]


def inside(energy: torch.Tensor, rim: int) -> Losses:
    """Return the means of energies of shape (2, patches, side, side) without a rim, shape (patches, 2)."""
    side = energy.shape[-1]
    return energy[..., rim : side - rim, rim : side - rim].mean((2, 3)).numpy().T


def measure(autoencoder: Autoencoder, picture: Pixels, patch: int, rims: Sequence[int]) -> dict[str, Measured]:
    """Return the losses of a whole picture and of all its patches, for each metric."""
    whole = energies(autoencoder, to_tensor([picture], CPU))
    pieces = cut(picture, patch)
    batches = [energies(autoencoder, to_tensor(pieces[at : at + BATCH], CPU)) for at in range(0, len(pieces), BATCH)]
    found = {}
    for metric in METRICS:
        places = corners(picture, patch)
        there = torch.stack([whole[metric][:, 0, y : y + patch, x : x + patch] for y, x in places], dim=1)
        alone = torch.cat([batch[metric] for batch in batches], dim=1)
        found[metric] = Measured(
            whole[metric].mean((1, 2, 3)).numpy(),
            {rim: inside(there, rim) for rim in rims},
            {rim: inside(alone, rim) for rim in rims},
        )
    return found


def ratios(losses: Sequence[Losses], patches: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return each picture's ratio by some of its patches, from losses of shape (patches, 2); shape (pictures,)."""
    sums = np.array([each[patches].sum(axis=0) for each in losses])
    return np.asarray(sums[:, 0] / sums[:, 1])


def score(own: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return area and accuracy: ratios of own pictures, shape (photographs,), and others, (sources, photographs)."""
    half = len(own) // 2
    threshold = fit_threshold(own[:half], LEVEL)
    accuracy = ((own[half:] < threshold).mean() + (others[:, half:] >= threshold).mean()) / 2
    return area_under_curve(own, others.ravel()), float(accuracy)


def cpu_seconds(autoencoder: Autoencoder, images: torch.Tensor) -> float:
    """Return the CPU seconds of a double reconstruction of a batch."""
    began = time.process_time()
    energies(autoencoder, images)
    return time.process_time() - began


# By metric: own pictures, shape (photographs,), and those of every other source.
Sides = Mapping[str, tuple[Sequence[Measured], Sequence[Sequence[Measured]]]]


def print_changes(sides: Sequence[Sides], rims: Sequence[int]) -> None:
    """Print how far losses of patches are from those at their places."""
    print("\n| metric | rim | pictures | first loss | second loss | ratio | mean change of the ratio |")
    print("|---|---|---|---|---|---|---|")
    for metric in METRICS:
        for rim in rims:
            own = [picture for side in sides for picture in side[metric][0]]
            others = [picture for side in sides for source in side[metric][1] for picture in source]
            for name, pictures in (("own", own), ("others", others)):
                logs = [np.log(picture.in_patches[rim] / picture.at_places[rim]) for picture in pictures]
                change = np.concatenate(logs)
                of_ratio = change[:, 0] - change[:, 1]
                figures = [*np.median(np.abs(change), axis=0), np.median(np.abs(of_ratio))]
                cells = " | ".join(f"{figure:.3f}" for figure in figures)
                print(f"| {metric} | {rim} | {name} | {cells} | {of_ratio.mean():+.3f} |")


def drawn(count: int, patches: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield draws of so many of the patches, always the same."""
    random = np.random.default_rng(0)
    for _ in range(1 if count == patches else DRAWS):
        yield random.choice(patches, count, replace=False)


def scores(
    sides: Sequence[Sides], metric: str, kind: str, rim: int | None, draws: Sequence[npt.NDArray[np.int64]]
) -> str:
    """Return area and accuracy as cells of a table, means over autoencoders and draws; `kind`: a field of Measured."""

    def losses_of(picture: Measured) -> Losses:
        losses = getattr(picture, kind)
        return losses[None] if rim is None else losses[rim]

    found = []
    for side in sides:
        own, others = side[metric]
        losses = [[losses_of(picture) for picture in pictures] for pictures in (own, *others)]
        for draw in draws:
            first, *rest = (ratios(each, draw) for each in losses)
            found.append(score(first, np.array(rest)))
    area, accuracy = np.mean(found, axis=0)
    return f"{area:.3f} | {100 * accuracy:.1f}"


def print_worth(
    sides: Sequence[Sides], rims: Sequence[int], counts: Sequence[int], seconds: Mapping[int, float]
) -> None:
    """Print what ratios of patches are worth, and those of the same places of pictures reconstructed whole."""
    print("\n| metric | patches | CPU s | rim | area | accuracy | the same places: area | accuracy |")
    print("|---|---|---|---|---|---|---|---|")
    patches = len(sides[0][METRICS[0]][0][0].in_patches[rims[0]])
    for metric in METRICS:
        whole = scores(sides, metric, "whole", None, [np.array([0])])
        print(f"| {metric} | whole | {seconds[0]:.3f} | | {whole} | | |")
        for count, rim in itertools.product(counts, rims):
            draws = list(drawn(count, patches))
            alone, there = (scores(sides, metric, kind, rim, draws) for kind in ("in_patches", "at_places"))
            print(f"| {metric} | {count} | {seconds[count]:.3f} | {rim} | {alone} | {there} |")


def report(
    autoencoders: Mapping[str, Autoencoder],
    photographs: Sequence[Pixels],
    patch: int,
    rims: Sequence[int],
    counts: Sequence[int],
) -> None:
    """Measure everything on these photographs and every autoencoder's decodings of them."""
    sources = {"photographs": list(photographs)}
    for name, autoencoder in autoencoders.items():
        with torch.inference_mode():
            sources[name] = [
                to_pixels(autoencoder.reconstruct(to_tensor([picture], CPU), "mode", ()))[0] for picture in photographs
            ]
    sides: list[Sides] = []
    seconds: dict[int, list[float]] = {count: [] for count in (0, *counts)}
    for name, autoencoder in autoencoders.items():
        measured = {
            source: [measure(autoencoder, picture, patch, rims) for picture in pictures]
            for source, pictures in sources.items()
        }
        others = [pictures for source, pictures in measured.items() if source != name]
        sides.append(
            {m: ([p[m] for p in measured[name]], [[p[m] for p in pictures] for pictures in others]) for m in METRICS}
        )
        seconds[0].append(cpu_seconds(autoencoder, to_tensor([photographs[0]], CPU)))
        pieces = cut(photographs[0], patch)
        for count in counts:
            seconds[count].append(cpu_seconds(autoencoder, to_tensor(pieces[:count], CPU)))
        print(f"{name}: measured", file=sys.stderr, flush=True)
    height, width = photographs[0].shape[:2]
    print(f"\n{', '.join(autoencoders)}: {len(photographs)} photographs of {width} x {height}, patches of {patch}")
    print_changes(sides, rims)
    print_worth(sides, rims, counts, {count: float(np.mean(each)) for count, each in seconds.items()})


def unseen_squares(size: int) -> list[Pixels]:
    """Return two squares of `size` pixels from each photograph that the demo was not made of, side by side."""
    squares = []
    for name in PHOTOGRAPHS:
        picture = np.asarray(shrunk_photograph(name, 2 * size))
        squares += [picture[:size, :size], picture[size : 2 * size, size : 2 * size]]
    return squares


def middle(picture: Pixels, rows: int, columns: int) -> Pixels:
    """Return the middle of a picture."""
    top, left = (picture.shape[0] - rows) // 2, (picture.shape[1] - columns) // 2
    return picture[top : top + rows, left : left + columns]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    reference = os.environ.get("AEDR_REFERENCE")
    parser.add_argument("--reference", type=Path, default=reference, help="folder of the reference data, if at hand")
    parser.add_argument("--photographs", type=int, default=24, help="at most, of each set (default %(default)s)")
    parser.add_argument("--only", choices=("demo", "reference"), help="one of the sets")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(512, 768), help="of the reference's photographs, keep the middle"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.only != "reference":
        demo = {name: load_autoencoder(ROOT / "demo" / "models" / name, "float32", CPU) for name in DEMO}
        report(demo, unseen_squares(128)[: arguments.photographs], 64, (0, 8, 16), (1, 2, 4))
    if arguments.only != "demo" and arguments.reference:
        files = sorted((arguments.reference / "photographs").glob("*.png"))[: arguments.photographs]
        photographs = [decode_image(file.read_bytes()) for file in files]
        # Upright ones are turned, so that all have the same patches.
        lying = [np.rot90(each).copy() if each.shape[0] > each.shape[1] else each for each in photographs]
        rows, columns = arguments.size
        kept = [middle(each, rows, columns) for each in lying]
        every = len(corners(kept[0], 128))
        counts = [count for count in (1, 2, 4, 8) if count < every] + [every]
        report({"taef2": load_taef2(arguments.reference)}, kept, 128, (0, 16, 24, 32), counts)


if __name__ == "__main__":
    main()
