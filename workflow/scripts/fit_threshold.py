"""Fit every family's thresholds; read the signals and autoencoders tables, write the thresholds table."""

from collections.abc import Mapping

from aedr.jobs import job


def fit_threshold(
    signals: str,
    autoencoders: str,
    output: str,
    alphas: Mapping[str, float | str],
    inversion: str,
    bandwidth: str,
) -> None:
    """Write a threshold for every family, metric, signal and protocol, at the autoencoders' levels `alphas`."""
    import pandas as pd

    from aedr.autoencoders.families import family_alphas, members
    from aedr.scoring.accuracy import fit_thresholds
    from aedr.tables.files import read_table, write_table

    levels = family_alphas(alphas, members(read_table(autoencoders, "autoencoders")))
    thresholds = [
        fit_thresholds(read_table(signals, "signals", family), levels, inversion, bandwidth=bandwidth)
        for family in sorted(levels)
    ]
    settings = {"threshold": inversion, "bandwidth": bandwidth, "alphas": levels}
    write_table(output, "thresholds", pd.concat(thresholds), {"settings": settings})


if __name__ == "__main__":
    with job(snakemake):
        fit_threshold(
            signals=snakemake.input.signals,
            autoencoders=snakemake.input.autoencoders,
            output=snakemake.output[0],
            alphas=snakemake.params.alphas,
            inversion=snakemake.params.inversion,
            bandwidth=snakemake.params.bandwidth,
        )
