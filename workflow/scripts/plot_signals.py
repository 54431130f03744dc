"""Draw one family's signals by source, density and threshold; read signals, thresholds and families, write figures."""

from collections.abc import Sequence

from aedr.jobs import job


def plot_signals(
    *,
    signals: str,
    thresholds: str,
    autoencoders: str,
    outputs: Sequence[str],
    family: str,
    metric: str,
    signal: str,
    bandwidth: str,
    sources: Sequence[str],
) -> None:
    """Draw the signals of every source's images for `family`, on an axis that all families share.

    Only the family's rows of the metric are in memory.
    """
    from aedr.autoencoders.families import family_label, members
    from aedr.figures.signals import draw_signals
    from aedr.tables.files import read_extremes, read_table

    fitted = read_table(thresholds, "thresholds").set_index(["autoencoder", "metric", "signal", "protocol"])
    draw_signals(
        read_table(signals, "signals", autoencoder={family}, metric={metric}),
        read_extremes(signals, "signals", signal, metric),
        fitted.loc[(family, metric, signal, "held_out")].to_dict(),
        family_label(members(read_table(autoencoders, "autoencoders"))[family]),
        sources,
        (metric, signal),
        bandwidth,
        outputs,
    )


if __name__ == "__main__":
    with job(snakemake):
        plot_signals(
            signals=snakemake.input.signals,
            thresholds=snakemake.input.thresholds,
            autoencoders=snakemake.input.autoencoders,
            outputs=snakemake.output,
            family=snakemake.wildcards.autoencoder,
            metric=snakemake.params.metric,
            signal=snakemake.params.signal,
            bandwidth=snakemake.params.bandwidth,
            sources=snakemake.params.sources,
        )
