"""Fit every autoencoder's thresholds; read the signals table, write the thresholds table."""

from collections.abc import Mapping

from aedr.jobs import job


def fit_threshold(signals: str, output: str, alphas: Mapping[str, float], method: str) -> None:
    """Write the threshold of every autoencoder, metric and signal at the significance levels `alphas`."""
    from aedr.accuracy import fit_thresholds
    from aedr.tables import read_table, write_table

    write_table(
        output, "thresholds", fit_thresholds(read_table(signals, "signals"), alphas, method), {"method": method}
    )


if __name__ == "__main__":
    with job(snakemake):
        fit_threshold(snakemake.input[0], snakemake.output[0], snakemake.params.alphas, snakemake.params.method)
