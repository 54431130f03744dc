"""Join losses and homogeneity to signals; read their tables and the autoencoders table, write the signals table."""

from collections.abc import Mapping, Sequence

from aedr.jobs import job


def compute_signals(
    losses: Sequence[str],
    homogeneity: Sequence[str],
    autoencoders: str,
    output: str,
    belonging: Mapping[str, Sequence[str]],
) -> None:
    """Write the signals of every image, autoencoder and metric.

    `belonging` lists each autoencoder's own sources; to a family belong those of all its members.
    """
    import pandas as pd

    from aedr import signals
    from aedr.families import members
    from aedr.tables import read_table, read_tables, write_table

    families = members(read_table(autoencoders, "autoencoders"))
    measured = read_tables(homogeneity, "homogeneity")
    tables = [
        signals.compute_signals(rows, measured, {source for name in families[family] for source in belonging[name]})
        for family, rows in read_tables(losses, "losses").groupby("autoencoder", sort=False)
    ]
    columns = ["source_of_homogeneity", "reason_of_homogeneity", "second_loss", "width", "height", "fit"]
    write_table(output, "signals", pd.concat(tables).drop(columns=columns, errors="ignore"), {})


if __name__ == "__main__":
    with job(snakemake):
        compute_signals(
            snakemake.input.losses,
            snakemake.input.homogeneity,
            snakemake.input.autoencoders,
            snakemake.output[0],
            snakemake.params.belonging,
        )
