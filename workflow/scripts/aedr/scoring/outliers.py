"""Single images that decide a threshold."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from aedr.scoring.methods import view_name
from aedr.scoring.protocols import PROTOCOLS
from aedr.scoring.thresholds import FEWEST_IMAGES, thresholds_of_samples


def warn_of_outliers(
    signals: pd.DataFrame, thresholds: pd.DataFrame, views: Iterable[tuple[str, str]], bandwidth: str
) -> list[str]:
    """Return a sentence for every threshold that one own image moves by more than the middle half of own images spans.

    A threshold is compared with the one without its lowest and the one without its highest own image, because no other
    image moves it as far. The span of the middle half, the interquartile range, is a scale that one image hardly
    changes. `benchmarks/promises/thresholds.py` counts how often images are named that are no outliers.

    Args:
        signals, thresholds: rows of these tables.
        views: the metrics and signals to look at; others have nothing to do with figures and verdicts.
        bandwidth: a key of `aedr.scoring.thresholds.BANDWIDTHS`.
    """
    wanted = set(views)
    sentences = []
    for fit in thresholds.itertuples():
        if (fit.metric, fit.signal) not in wanted or fit.images <= FEWEST_IMAGES:
            continue
        part = PROTOCOLS[fit.protocol].fitted_on
        own = signals[
            (signals["autoencoder"] == fit.autoencoder) & (signals["metric"] == fit.metric) & signals["belonging"]
        ]
        own = (own if part is None else own[own["split"] == part]).dropna(subset=[fit.signal]).sort_values(fit.signal)
        values = own[fit.signal].to_numpy(dtype=float)
        without_lowest, without_highest, whole = (
            float(thresholds_of_samples(sample[None], fit.alpha, bandwidth)[0])
            for sample in (values[1:], values[:-1], values)
        )
        place, moved = max(((0, without_lowest), (-1, without_highest)), key=lambda pair: abs(pair[1] - whole))
        lower, upper = np.quantile(values, (0.25, 0.75))
        if abs(moved - whole) > upper - lower:
            image = own.iloc[place]
            sentences.append(
                f"One image decides a threshold of {fit.autoencoder} ({view_name(fit.metric, fit.signal)}, protocol "
                f"{fit.protocol}): {image['image_id']}, whose signal is {image[fit.signal]:.4g}. Without it, the "
                f"threshold would be {moved:.4g} and not {fit.threshold:.4g}. See whether it is an image of its source."
            )
    return sentences
