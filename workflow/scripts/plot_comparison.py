"""Draw the effect of metric and signal on accuracy; read accuracy, write figures."""

from collections.abc import Sequence

from aedr.jobs import job


def plot_comparison(*, accuracy: str, outputs: Sequence[str], metric: str, signal: str) -> None:
    """Draw every metric and signal, with the configured ones in bold."""
    from aedr.figures.comparison import draw_comparison
    from aedr.tables.files import read_table

    draw_comparison(read_table(accuracy, "accuracy"), (metric, signal), outputs)


if __name__ == "__main__":
    with job(snakemake):
        plot_comparison(
            accuracy=snakemake.input.accuracy,
            outputs=snakemake.output,
            metric=snakemake.params.metric,
            signal=snakemake.params.signal,
        )
