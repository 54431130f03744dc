"""Signals of own images, and tables of losses and homogeneity, small enough to be followed by hand."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from aedr.scoring.signals import compute_signals

OWN = norm(1.0, 0.1).rvs(400, random_state=0)


def tables(noise: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    losses, homogeneity = [], []
    chance = np.random.default_rng(3)
    for source, ratio in [("own", 1.0), ("other", 3.0), ("photographs", 2.0)]:
        for i in range(40):
            image = {"image_id": f"{source}/{i}", "source": source}
            spread = (1 + 0.01 * (i % 7)) * np.exp(noise * chance.normal())
            for metric, first in [("l2", ratio * spread), ("psnr", -40 / (ratio * spread))]:
                second = 1.0 if metric == "l2" else -40.0
                losses.append(
                    image
                    | {"autoencoder": "A", "metric": metric, "first_loss": first, "second_loss": second, "reason": None}
                )
            homogeneity.append(image | {"group": image["image_id"], "homogeneity": 0.5, "reason": None})
    return pd.DataFrame(losses), pd.DataFrame(homogeneity)


def signals_of(losses: pd.DataFrame, homogeneity: pd.DataFrame) -> pd.DataFrame:
    return compute_signals(losses, homogeneity, {"own"}, held_out=0.5)[0]
