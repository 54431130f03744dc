"""Compute signals; read losses, homogeneity and autoencoders, write signals and fitted parameters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aedr.jobs import job

if TYPE_CHECKING:
    import pandas as pd


def compute_signals(
    losses: Sequence[str],
    families: Sequence[str],
    homogeneity: Sequence[str],
    autoencoders: str,
    signals_output: str,
    parameters_output: str,
    own_sources: Mapping[str, Sequence[str]],
    held_out: float,
) -> None:
    """Write the signals of every image, autoencoder and metric, and the parameters fitted for them.

    Only one family's tables are in memory at a time.

    Args:
        losses: files of losses tables. In those of rivals, the metric is the rival.
        families: the family of each of these files.
        own_sources: each autoencoder's own sources; a family's are those of all its members.
        held_out: the share of images that nothing is fitted on.
    """
    import pandas as pd

    from aedr.autoencoders.families import family_sources
    from aedr.scoring import signals
    from aedr.tables.files import read_table, read_tables, write_parts, write_table
    from aedr.tables.groups import group_files

    own = family_sources(read_table(autoencoders, "autoencoders"), own_sources)
    measured = read_tables(homogeneity, "homogeneity")
    parameters = []

    def computed(family: str, files: Sequence[str]) -> "pd.DataFrame":
        rows, fitted = signals.compute_signals(read_tables(files, "losses"), measured, own[family], held_out)
        parameters.append(fitted)
        return rows.drop(columns=list(signals.NOT_IN_SIGNALS), errors="ignore")

    parts = (computed(family, files) for family, files in group_files(losses, families).items())
    metadata = {"settings": {"held_out": held_out}}
    write_parts(signals_output, "signals", parts, metadata)
    write_table(parameters_output, "fitted_parameters", pd.concat(parameters), metadata)


if __name__ == "__main__":
    with job(snakemake):
        compute_signals(
            losses=[*snakemake.input.losses, *snakemake.input.rivals],
            families=snakemake.params.families,
            homogeneity=snakemake.input.homogeneity,
            autoencoders=snakemake.input.autoencoders,
            signals_output=snakemake.output.signals,
            parameters_output=snakemake.output.parameters,
            own_sources=snakemake.params.own_sources,
            held_out=snakemake.params.held_out,
        )
