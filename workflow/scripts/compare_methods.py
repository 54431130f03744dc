"""Compare all methods; read accuracy and the costs of losses and rivals, write the methods table."""

from collections.abc import Mapping, Sequence

from aedr.jobs import job


def compare_methods(
    *,
    accuracy: str,
    losses: Mapping[str, Sequence[str]],
    rivals: Mapping[tuple[str, str], Sequence[str]],
    parquet: str,
    csv: str,
    real_sources: Sequence[str],
) -> None:
    """Write accuracy, seconds and memory of every method for every autoencoder, as Parquet and CSV.

    `losses` are files of losses tables by autoencoder, `rivals` those by rival and autoencoder.
    """
    from aedr.scoring import methods
    from aedr.tables.files import read_cost, read_table, write_table

    rows = methods.compare_methods(
        read_table(accuracy, "accuracy"),
        {autoencoder: [read_cost(file) for file in files] for autoencoder, files in losses.items()},
        {key: [read_cost(file) for file in files] for key, files in rivals.items()},
        set(real_sources),
    )
    write_table(parquet, "methods", rows, {})
    rows.to_csv(csv, index=False, float_format="%.4g")


if __name__ == "__main__":
    with job(snakemake):
        from aedr.tables.groups import group_files

        compare_methods(
            accuracy=snakemake.input.accuracy,
            losses=group_files(snakemake.input.losses, snakemake.params.families_of_losses),
            rivals=group_files(snakemake.input.rivals, snakemake.params.names_of_rivals),
            parquet=snakemake.output.parquet,
            csv=snakemake.output.csv,
            real_sources=snakemake.params.real_sources,
        )
