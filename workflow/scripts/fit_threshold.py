"""Fit every family's thresholds; read the signals and autoencoders tables, write the thresholds table."""

from collections.abc import Mapping

from aedr.jobs import job, warn


def fit_threshold(
    signals: str,
    autoencoders: str,
    output: str,
    alphas: Mapping[str, float | str],
    inversion: str,
    bandwidth: str,
    metric: str,
    signal: str,
) -> None:
    """Write a threshold for every family, metric, signal and protocol, at the autoencoders' levels `alphas`.

    The log says which single images decide a threshold of AEDR as published or of the configured `metric` and `signal`;
    the run repeats it when it ends.
    """
    import pandas as pd

    from aedr.autoencoders.families import family_alphas, members
    from aedr.scoring.accuracy import fit_thresholds
    from aedr.scoring.methods import PUBLISHED
    from aedr.scoring.outliers import warn_of_outliers
    from aedr.tables.files import read_table, write_table

    levels = family_alphas(alphas, members(read_table(autoencoders, "autoencoders")))

    # In a function, so that one family's rows are gone before the next one's are read.
    def fitted(family: str) -> pd.DataFrame:
        rows = read_table(signals, "signals", autoencoder={family})
        thresholds = fit_thresholds(rows, levels, inversion, bandwidth=bandwidth)
        for sentence in warn_of_outliers(rows, thresholds, [PUBLISHED, (metric, signal)], bandwidth):
            warn(sentence)
        return thresholds

    thresholds = pd.concat([fitted(family) for family in sorted(levels)])
    settings = {"threshold": inversion, "bandwidth": bandwidth, "alphas": levels}
    write_table(output, "thresholds", thresholds, {"settings": settings})


if __name__ == "__main__":
    with job(snakemake):
        fit_threshold(
            signals=snakemake.input.signals,
            autoencoders=snakemake.input.autoencoders,
            output=snakemake.output[0],
            alphas=snakemake.params.alphas,
            inversion=snakemake.params.inversion,
            bandwidth=snakemake.params.bandwidth,
            metric=snakemake.params.metric,
            signal=snakemake.params.signal,
        )
