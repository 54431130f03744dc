"""Join losses and homogeneity to signals; read their tables and the autoencoders', write signals and calibrations."""

from collections.abc import Mapping, Sequence

from aedr.jobs import job


def compute_signals(
    losses: Sequence[str],
    rivals: Sequence[str],
    homogeneity: Sequence[str],
    autoencoders: str,
    signals_output: str,
    calibrations_output: str,
    belonging: Mapping[str, Sequence[str]],
    held_out: float,
) -> None:
    """Write the signals of every image, autoencoder and metric, and what was fitted for them.

    `rivals` are losses tables too, whose metrics are the rivals. `belonging` lists each autoencoder's own sources; to a
    family belong those of all its members. `held_out` is the share of images that nothing is fitted on. No more than
    one family's tables are in memory.
    """
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from aedr.autoencoders.families import family_sources
    from aedr.scoring import signals
    from aedr.tables.files import read_table, read_tables, write_parts, write_table

    own = family_sources(read_table(autoencoders, "autoencoders"), belonging)
    measured = read_tables(homogeneity, "homogeneity")
    columns = ["source_of_homogeneity", "reason_of_homogeneity", "fit", "offset_rows", "offset_columns"]
    calibrations = []
    files_of: dict[str, list[str]] = {}
    for file in [*losses, *rivals]:
        files_of.setdefault(Path(file).parts[-3], []).append(file)

    def computed() -> Iterator[pd.DataFrame]:
        for family, files in files_of.items():
            rows, fitted = signals.compute_signals(read_tables(files, "losses"), measured, own[family], held_out)
            calibrations.append(fitted)
            yield rows.drop(columns=columns, errors="ignore")

    metadata = {"held_out": str(held_out)}
    write_parts(signals_output, "signals", computed(), metadata)
    write_table(calibrations_output, "calibrations", pd.concat(calibrations), metadata)


if __name__ == "__main__":
    with job(snakemake):
        compute_signals(
            snakemake.input.losses,
            snakemake.input.rivals,
            snakemake.input.homogeneity,
            snakemake.input.autoencoders,
            snakemake.output.signals,
            snakemake.output.calibrations,
            snakemake.params.belonging,
            snakemake.params.held_out,
        )
