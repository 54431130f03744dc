"""Score every pair of autoencoder and source; read signals and thresholds, write accuracy and summaries."""

from collections.abc import Sequence

from aedr.jobs import job


def evaluate_accuracy(
    signals: str,
    thresholds: str,
    parquet: str,
    csv: str,
    means: str,
    comparison: str,
    real_sources: Sequence[str],
    metric: str,
    signal: str,
) -> None:
    """Write the accuracy of every cell as Parquet and CSV; also write means and the comparison of signals as CSV."""
    import pandas as pd

    from aedr.scoring import accuracy
    from aedr.tables.files import read_table, write_table

    fitted = read_table(thresholds, "thresholds").groupby("autoencoder", sort=False)
    cells = pd.concat(
        [
            accuracy.evaluate_accuracy(read_table(signals, "signals", autoencoder={str(family)}), rows)
            for family, rows in fitted
        ]
    )
    write_table(parquet, "accuracy", cells, {})
    cells.to_csv(csv, index=False, float_format="%.4f")
    accuracy.summarise_accuracy(cells, set(real_sources)).to_csv(means, index=False, float_format="%.4f")
    accuracy.compare_signals(cells, metric, signal).to_csv(comparison, index=False, float_format="%.4f")


if __name__ == "__main__":
    with job(snakemake):
        evaluate_accuracy(
            signals=snakemake.input.signals,
            thresholds=snakemake.input.thresholds,
            parquet=snakemake.output.parquet,
            csv=snakemake.output.csv,
            means=snakemake.output.means,
            comparison=snakemake.output.comparison,
            real_sources=snakemake.params.real_sources,
            metric=snakemake.params.metric,
            signal=snakemake.params.signal,
        )
