"""What thresholds and intervals hold, in simulated studies.

    PYTHONPATH=workflow/scripts .venv/bin/python benchmarks/promises/thresholds.py [--studies 2000] [--seed 0]

Own images' signals are drawn from a known distribution: normal, lognormal (of deviations 0.5 and 1 of the logarithm) or
Student's t with three degrees of freedom. So it is known which share of new own images a fitted threshold rejects, and
how accurate it is on new images of any other source, here the own distribution moved to the right. The tables:

1. Of new own images, the percentage that a threshold rejects, on average over studies, by both rules of the bandwidth.
   A perfect separation from other images has 100 less half of it as its accuracy.
2. How often the interval (95 %) of an own rate and of a cell holds the accuracy of the fitted threshold. Others overlap
   with half, a tenth or a thousandth of the own images: the lowest of the three is given. A chosen level is chosen
   against the source that overlaps with a tenth; "same_images" then scores it on the images that it was chosen on.
3. How often the interval (95 %) of a threshold holds the threshold that fitting gives on average over studies.
4. How often an image is named as one that decides the threshold, though it comes from the same distribution.
"""

import argparse
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import lognorm, norm, t
from tabulate import tabulate

from aedr.scoring.accuracy import INTERVAL, RESAMPLES, choose_alpha, choose_alphas
from aedr.scoring.intervals import mean_interval, share_interval
from aedr.scoring.outliers import warn_of_outliers
from aedr.scoring.signals import FITTING
from aedr.scoring.thresholds import BANDWIDTHS, thresholds_of_samples

Values = npt.NDArray[np.float64]

DISTRIBUTIONS: dict[str, Any] = {
    "normal": norm(),
    "lognormal 0.5": lognorm(0.5),
    "lognormal 1": lognorm(1),
    "t": t(3),
}
LEVELS = (0.05, 0.01)
SIZES = (36, 72, 500)
OVERLAPS = (0.5, 0.1, 0.001)


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows as a Markdown table."""
    print(f"\n{title}\n\n{tabulate(rows, headers='keys', tablefmt='github', disable_numparse=True)}", flush=True)


def covered(interval: tuple[Values, Values], truth: Values | float) -> float:
    """Return the share of intervals that hold the truth."""
    return float(((interval[0] <= truth) & (truth <= interval[1])).mean())


def rejected_shares(studies: int, chance: np.random.Generator) -> list[dict[str, Any]]:
    """Return, for each case, the mean percentage of new own images that a threshold rejects."""
    rows = []
    for name, distribution in DISTRIBUTIONS.items():
        for size in SIZES:
            own = distribution.rvs((studies, size), random_state=chance)
            row = {"signals": name, "images": size}
            for level in LEVELS:
                for rule in BANDWIDTHS:
                    rejected = distribution.sf(thresholds_of_samples(own, level, rule))
                    row[f"{rule}, {level}"] = f"{100 * rejected.mean():.1f}"
            rows.append(row)
    return rows


def coverages_of_accuracy(studies: int, size: int, chance: np.random.Generator) -> list[dict[str, Any]]:
    """Return how often intervals of own rates and of cells hold the accuracy of the fitted threshold."""
    rows = []
    for name, distribution in DISTRIBUTIONS.items():
        for level in (*LEVELS, "chosen"):
            own = distribution.rvs((studies, size), random_state=chance)
            # The level is chosen against others that overlap with a tenth of the own images.
            moved = {overlap: distribution.ppf(0.95) - distribution.ppf(overlap) for overlap in OVERLAPS}
            others = distribution.rvs((studies, size), random_state=chance) + moved[0.1]
            if level == "chosen":
                pairs = zip(own, others, strict=True)
                alphas: Any = np.array([choose_alpha(values, {"others": seen}, "exact") for values, seen in pairs])
            else:
                alphas = level
            thresholds = thresholds_of_samples(own, alphas)
            accepted = distribution.cdf(thresholds)
            row: dict[str, Any] = {"signals": name, "images": f"{size} + {size}", "level": level}
            for protocol, counted in {
                "held_out": chance.binomial(size, accepted),
                "same_images": (own < thresholds[:, None]).sum(axis=1),
            }.items():
                row[f"own, {protocol}"] = f"{covered(share_interval(counted, size), accepted):.3f}"
                of_cells = []
                for overlap in OVERLAPS:
                    rejected = distribution.sf(thresholds - moved[overlap])
                    seen = chance.binomial(size, rejected)
                    if protocol == "same_images" and overlap == 0.1:
                        seen = (others >= thresholds[:, None]).sum(axis=1)
                    interval = mean_interval((counted, size), (seen, size))
                    of_cells.append(covered(interval, (accepted + rejected) / 2))
                row[f"cells, {protocol}"] = f"{min(of_cells):.3f}"
            rows.append(row)
    return rows


def coverages_of_thresholds(studies: int, size: int, chance: np.random.Generator) -> list[dict[str, Any]]:
    """Return how often bootstrap intervals hold the threshold that fitting gives on average."""
    rows = []
    for name, distribution in DISTRIBUTIONS.items():
        moved = distribution.ppf(0.95) - distribution.ppf(0.1)
        row: dict[str, Any] = {"signals": name, "images": size}
        for level in (*LEVELS, "chosen"):
            fitted, low, high = [], [], []
            for study in range(studies):
                own = distribution.rvs(size, random_state=chance)
                others = distribution.rvs(size, random_state=chance) + moved
                samples = own[chance.integers(0, size, (RESAMPLES, size))]
                alpha: Any = level
                alphas: Any = level
                if level == "chosen":
                    alpha = choose_alpha(own, {"others": others}, "exact")
                    alphas = choose_alphas(samples, {"others": others}, "scott", study)
                fitted.append(thresholds_of_samples(own[None], alpha)[0])
                ends = np.quantile(thresholds_of_samples(samples, alphas), INTERVAL)
                low.append(ends[0])
                high.append(ends[1])
            row[str(level)] = f"{covered((np.array(low), np.array(high)), float(np.mean(fitted))):.3f}"
        rows.append(row)
    return rows


def named_images(studies: int, chance: np.random.Generator) -> list[dict[str, Any]]:
    """Return how often an image is named as one that decides the threshold."""
    rows = []
    for name, distribution in DISTRIBUTIONS.items():
        for size in SIZES:
            own = distribution.rvs((studies, size), random_state=chance)
            row: dict[str, Any] = {"signals": name, "images": size}
            names = [f"{study:06}" for study in range(studies)]
            signals = pd.DataFrame({"autoencoder": np.repeat(names, size), "first_loss": own.ravel()}).assign(
                image_id="", metric="l2", belonging=True, split=FITTING
            )
            for level in LEVELS:
                fits = pd.DataFrame({"autoencoder": names, "threshold": thresholds_of_samples(own, level)}).assign(
                    metric="l2", signal="first_loss", protocol="held_out", alpha=level, images=size
                )
                said = 0
                by_study = dict(list(signals.groupby("autoencoder")))
                for study, fit in fits.groupby("autoencoder"):
                    said += len(warn_of_outliers(by_study[study], fit, [("l2", "first_loss")], "scott"))
                row[str(level)] = f"{said / studies:.3f}"
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--studies", type=int, default=2000, help="of each kind (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = np.random.default_rng(arguments.seed)
    print_table("New own images that a threshold rejects, in percent", rejected_shares(arguments.studies, chance))
    few = [row for size in (20, 40) for row in coverages_of_accuracy(arguments.studies, size, chance)]
    print_table("Intervals that hold the accuracy of the fitted threshold", few)
    fewer = max(arguments.studies // 4, 1)
    print_table("Intervals that hold the average threshold", coverages_of_thresholds(fewer, 36, chance))
    print_table("Studies in which an image is named that is no outlier", named_images(fewer, chance))


if __name__ == "__main__":
    main()
