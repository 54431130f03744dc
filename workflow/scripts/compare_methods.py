"""Set all methods side by side; read accuracy and what losses and rivals cost, write the methods table."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aedr.jobs import job


def compare_methods(
    accuracy: str, losses: Sequence[str], rivals: Sequence[str], parquet: str, csv: str, real_sources: Sequence[str]
) -> None:
    """Write accuracy, seconds and memory of every method under every autoencoder, as Parquet and CSV.

    `losses` lie in a folder for each autoencoder and source, `rivals` in one for each rival, too.
    """
    from aedr.scoring import methods
    from aedr.tables.files import read_cost, read_table, write_table

    reconstruction_costs: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    rival_costs: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for table in losses:
        reconstruction_costs[Path(table).parts[-3]].append(read_cost(table))
    for table in rivals:
        rival, autoencoder = Path(table).parts[-4:-2]
        rival_costs[rival, autoencoder].append(read_cost(table))
    rows = methods.compare_methods(
        read_table(accuracy, "accuracy"), reconstruction_costs, rival_costs, set(real_sources)
    )
    write_table(parquet, "methods", rows, {})
    rows.to_csv(csv, index=False, float_format="%.4g")


if __name__ == "__main__":
    with job(snakemake):
        compare_methods(
            snakemake.input.accuracy,
            snakemake.input.losses,
            snakemake.input.rivals,
            snakemake.output.parquet,
            snakemake.output.csv,
            snakemake.params.real_sources,
        )
