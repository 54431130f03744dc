"""Collect the robustness of all transforms and of untouched images; write means and cells as CSV."""

from collections.abc import Sequence

from aedr.jobs import job


def collect_robustness(
    *,
    robustness: Sequence[str],
    accuracy: str,
    means: str,
    cells: str,
    real_sources: Sequence[str],
    metric: str,
    signal: str,
) -> None:
    """Write the means of every transform, and the cells of AEDR as published and of the configured signal."""
    from aedr.robustness.scores import cells_side_by_side, summarise_robustness, with_untouched
    from aedr.scoring.methods import PUBLISHED
    from aedr.tables.files import read_table, read_tables

    table = with_untouched(read_tables(robustness, "robustness"), read_table(accuracy, "accuracy"))
    summarise_robustness(table, set(real_sources)).to_csv(means, index=False, float_format="%.4f")
    cells_side_by_side(table, [PUBLISHED, (metric, signal)]).to_csv(cells, index=False, float_format="%.4f")


if __name__ == "__main__":
    with job(snakemake):
        collect_robustness(
            robustness=snakemake.input.robustness,
            accuracy=snakemake.input.accuracy,
            means=snakemake.output.means,
            cells=snakemake.output.cells,
            real_sources=snakemake.params.real_sources,
            metric=snakemake.params.metric,
            signal=snakemake.params.signal,
        )
