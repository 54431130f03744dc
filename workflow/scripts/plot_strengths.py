"""Draw accuracy and true positives against the strength of the damage; read robustness.csv, write figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def plot_strengths(
    *, means: str, outputs: Sequence[str], transforms: Mapping[str, Any], metric: str, signal: str
) -> None:
    """Draw a column of plots for every number in which `transforms` differ."""
    import pandas as pd

    from aedr.figures.robustness import draw_strengths

    draw_strengths(pd.read_csv(means), transforms, (metric, signal), outputs)


if __name__ == "__main__":
    with job(snakemake):
        plot_strengths(
            means=snakemake.input[0],
            outputs=snakemake.output,
            transforms=snakemake.params.transforms,
            metric=snakemake.params.metric,
            signal=snakemake.params.signal,
        )
