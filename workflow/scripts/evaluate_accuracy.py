"""Score every pair of autoencoder and source; read signals and thresholds, write the accuracy table and its means."""

from collections.abc import Sequence

from aedr.jobs import job


def evaluate_accuracy(
    signals: str, thresholds: str, parquet: str, csv: str, means: str, real_sources: Sequence[str]
) -> None:
    """Write the accuracy of every cell as Parquet and CSV, and each autoencoder's means as CSV."""
    from aedr import accuracy
    from aedr.tables import read_table, write_table

    cells = accuracy.evaluate_accuracy(read_table(signals, "signals"), read_table(thresholds, "thresholds"))
    write_table(parquet, "accuracy", cells, {})
    cells.to_csv(csv, index=False, float_format="%.4f")
    accuracy.summarise_accuracy(cells, set(real_sources)).to_csv(means, index=False, float_format="%.4f")


if __name__ == "__main__":
    with job(snakemake):
        evaluate_accuracy(
            snakemake.input.signals,
            snakemake.input.thresholds,
            snakemake.output.parquet,
            snakemake.output.csv,
            snakemake.output.means,
            snakemake.params.real_sources,
        )
