"""Power and error of verdicts where some autoencoders cannot be told from real images, by simulation.

    PYTHONPATH=workflow/scripts .venv/bin/python benchmarks/promises/weak_autoencoder.py [--repeats 200]

Eight autoencoders; distances are in spreads of own images, which are standard normal. From a good autoencoder, real
images lie 8 away (standard deviation 2), from a weak one 2.2 (standard deviation 1: about 83 % accuracy), from a
useless one 0. Each repeat draws a calibration of real images, and asks about own images of a good and of the last
autoencoder and about new real images. An image is named if its distance is among the nearest 95 % of own images and a
real image comes as near in at most 5 of 100 cases, by either of:

* the smallest distance: the image is ranked among each real image's smallest distance to any autoencoder (max-T);
* the smallest rank: the same with ranks instead of distances (plain min-P);
* blocks: statistically equivalent blocks, as verdicts do (`aedr.verdicts.blocks`), with nothing held back;
* blocks, held back: the same if images of other sources have shown which autoencoders are useless.
"""

import argparse
import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from aedr.verdicts.blocks import Blocks

Distances = npt.NDArray[np.float64]
COUNT, LEVEL = 8, 0.05
NAMES = [f"autoencoder-{i}" for i in range(COUNT)]
CASES: dict[str, list[float]] = {
    "eight good": [],
    "one weak": [2.2],
    "one useless": [0.0],
    "three weak": [2.2] * 3,
    "three useless": [0.0] * 3,
}
ASKED = 20


def draw_real(chance: np.random.Generator, images: int, weak: list[float]) -> Distances:
    """Return distances of real images, shape (images, COUNT); the weak autoencoders are the last."""
    middles = np.array([8.0] * (COUNT - len(weak)) + weak)
    spreads = np.array([2.0] * (COUNT - len(weak)) + [1.0] * len(weak))
    return chance.normal(middles, spreads, (images, COUNT))


def by_smallest_distance(real: Distances, asked: Distances) -> Distances:
    """Return a p-value for each image asked and each autoencoder."""
    nearest = np.sort(real.min(axis=1))
    return (1 + np.searchsorted(nearest, asked, side="right")) / (len(real) + 1)


def by_smallest_rank(real: Distances, asked: Distances) -> Distances:
    """Return a p-value for each image asked and each autoencoder; ranks are among the real images and the one asked."""
    p_values = np.empty_like(asked)
    for place, image in enumerate(asked):
        everything = np.concatenate([real, image[None]])
        ranks = np.stack([np.searchsorted(np.sort(c), c, side="right") for c in everything.T], axis=1)
        p_values[place] = (ranks.min(axis=1)[:, None] <= ranks[-1]).mean(axis=0)
    return p_values


def by_blocks(real: Distances, asked: Distances, held_back: frozenset[str] = frozenset()) -> Distances:
    """Return a p-value for each image asked and each autoencoder."""
    blocks = Blocks(pd.DataFrame(real, columns=NAMES), held_back)
    ranks = [[blocks.rank(name, at) for name, at in zip(NAMES, image, strict=True)] for image in asked]
    return np.array(ranks) / (len(real) + 1)


METHODS: dict[str, Callable[[Distances, Distances], Distances]] = {
    "smallest distance": by_smallest_distance,
    "smallest rank": by_smallest_rank,
    "blocks": by_blocks,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--repeats", type=int, default=200, help="calibrations (default %(default)s)")
    repeats = parser.parse_args().repeats
    print(
        "| real images | autoencoders | ranked by | good one's own named | last one's own named | real images named |\n"
        "|---|---|---|---|---|---|"
    )
    for images in (72, 500):
        for case, weak in CASES.items():
            chance = np.random.default_rng(images)
            methods = dict(METHODS)
            if 0.0 in weak:
                useless = frozenset(NAMES[-len(weak) :])
                methods["blocks, held back"] = functools.partial(by_blocks, held_back=useless)
            shares: dict[str, list[list[float]]] = {method: [] for method in methods}
            for _ in range(repeats):
                real, asked = draw_real(chance, images, weak), draw_real(chance, 3 * ASKED, weak)
                asked[:ASKED, 0], asked[ASKED : 2 * ASKED, -1] = chance.standard_normal((2, ASKED))
                near = asked < norm.ppf(1 - LEVEL)
                for method, p_values in methods.items():
                    named = near & (p_values(real, asked) <= LEVEL)
                    good, last, real_named = (
                        named[:ASKED, 0],
                        named[ASKED : 2 * ASKED, -1],
                        named[2 * ASKED :].any(axis=1),
                    )
                    shares[method].append([good.mean(), last.mean(), real_named.mean()])
            for method, found in shares.items():
                print(
                    f"| {images} | {case} | {method} | " + " | ".join(f"{x:.2f}" for x in np.mean(found, axis=0)) + " |"
                )


if __name__ == "__main__":
    main()
