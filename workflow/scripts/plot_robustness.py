"""Draw how well each method tells images apart after every transform; read robustness.csv, write figures."""

from collections.abc import Sequence

from aedr.jobs import job


def plot_robustness(*, means: str, outputs: Sequence[str], metric: str, signal: str) -> None:
    """Draw every transform, untouched images first."""
    import pandas as pd

    from aedr.figures.robustness import draw_transforms

    draw_transforms(pd.read_csv(means), (metric, signal), outputs)


if __name__ == "__main__":
    with job(snakemake):
        plot_robustness(
            means=snakemake.input[0],
            outputs=snakemake.output,
            metric=snakemake.params.metric,
            signal=snakemake.params.signal,
        )
