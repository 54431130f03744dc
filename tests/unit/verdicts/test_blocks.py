"""Ranks among statistically equivalent blocks: their chances, and that a weak autoencoder does not use them up."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, kstest, norm

from aedr.verdicts.blocks import Blocks
from aedr.verdicts.promise import Promise

NAMES = [f"autoencoder-{i}" for i in range(8)]
LEVEL = 0.05


def real_distances(chance: np.random.Generator, images: int, weak: dict[str, float]) -> pd.DataFrame:
    """Distances of real images, in spreads of own images: 8 +- 2 from good autoencoders, `weak` from weak ones."""
    distances = pd.DataFrame(chance.normal(8, 2, (images, len(NAMES))), columns=NAMES)
    for name, middle in weak.items():
        distances[name] = chance.normal(middle, 1, images)
    return distances


def smallest_rank(blocks: Blocks, distances: pd.Series) -> int:
    return min(blocks.rank(str(name), distance) for name, distance in distances.items())


def test_ranks_of_one_autoencoder_are_plain_ranks_and_count_ties() -> None:
    blocks = Blocks(pd.DataFrame({"a": [3.0, 1.0, np.nan, 2.0, 2.0]}))
    assert [blocks.rank("a", at) for at in (0, 1, 1.5, 2, 2.5, 3, 9, np.inf)] == [1, 2, 2, 4, 4, 5, 5, 6]


def test_an_autoencoder_removes_one_image_a_round() -> None:
    # The weak one is near to all images, and to each nearer than the good one is to any.
    blocks = Blocks(pd.DataFrame({"weak": [-3.0, -2.0, -1.0, 0.0], "good": [9.0, 8.0, 7.0, 6.0]}))
    assert blocks.rank("good", 1) == 2
    assert [blocks.rank("weak", at) for at in (-4, -3, -2, 1)] == [1, 3, 5, 5]
    held_back = Blocks(pd.DataFrame({"weak": [-3.0, -2.0], "good": [9.0, 8.0]}), frozenset({"weak"}))
    assert (held_back.rank("good", 1), held_back.rank("weak", -4)) == (1, 2)


@pytest.mark.parametrize("weak", [{}, {"autoencoder-7": 2.2}, {"autoencoder-7": 0.0, "autoencoder-3": 2.2}])
def test_a_new_image_of_the_same_kind_is_in_each_block_equally_often(weak) -> None:
    chance = np.random.default_rng(2)
    ranks = []
    for _ in range(400):
        distances = real_distances(chance, 73, weak)
        ranks.append(smallest_rank(Blocks(distances[:-1], frozenset(["autoencoder-3"])), distances.iloc[-1]))
    # A discrete uniform: spread over its step, it is continuous.
    assert kstest((np.array(ranks) - chance.random(400)) / 73, "uniform").pvalue > 0.01


def chance_of_first(blocks: Blocks, rank: int, weak: dict[str, float]) -> float:
    """Return the chance that a new real image of `real_distances` is in one of the first `rank` blocks, exactly."""
    outside = 1.0
    for name in NAMES:
        low, high = -20.0, 40.0
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if blocks.rank(name, middle) <= rank else (low, middle)
        outside *= norm.sf(low, weak[name], 1) if name in weak else norm.sf(low, 8, 2)
    return 1 - outside


@pytest.mark.parametrize("images", [72, 500])
def test_the_chance_of_one_calibration_is_a_beta_variable_and_a_confidence_bounds_it(images) -> None:
    chance, weak, calibrations = np.random.default_rng(images), {"autoencoder-7": 1.0}, 150
    average, sure = Promise(LEVEL), Promise(LEVEL, 0.95)
    # The largest ranks that reject.
    ranks = {p: max(r for r in range(images) if r == 0 or p.p_value(r, images) <= LEVEL) for p in (average, sure)}
    errors: dict[Promise, list[float]] = {average: [], sure: []}
    for _ in range(calibrations):
        blocks = Blocks(real_distances(chance, images, weak))
        for promise, rank in ranks.items():
            errors[promise].append(chance_of_first(blocks, rank, weak))
    for promise, rank in ranks.items():
        assert rank > 0 and kstest(errors[promise], beta(rank, images + 1 - rank).cdf).pvalue > 0.01
    assert np.mean(np.array(errors[average]) > LEVEL) > 0.2
    assert np.mean(np.array(errors[sure]) > LEVEL) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / calibrations)


@pytest.mark.parametrize("images", [72, 500])
@pytest.mark.parametrize("middle", [2.2, 0.0])
def test_a_weak_autoencoder_takes_no_power_from_the_others(images, middle) -> None:
    """Of own images 95 % are within 1.645 spreads; ranked by their smallest distance, .74 and .05 were named."""
    chance, named, smallest = np.random.default_rng(5), [], []
    for _ in range(60):
        distances = real_distances(chance, images, {"autoencoder-7": middle})
        blocks = Blocks(distances)
        for own in chance.normal(0, 1, 10):
            near = own < norm.ppf(0.95)
            named.append(near and Promise(LEVEL).p_value(blocks.rank(NAMES[0], own), images) <= LEVEL)
            smallest.append(near and (1 + (distances.min(axis=1) <= own).sum()) / (images + 1) <= LEVEL)
    assert np.mean(named) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 600)
    assert np.mean(smallest) < 0.78
