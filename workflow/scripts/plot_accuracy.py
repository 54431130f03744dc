"""Draw the accuracy matrix, as published and as configured; read accuracy and autoencoders, write figures."""

from collections.abc import Sequence

from aedr.jobs import job


def plot_accuracy(
    *, accuracy: str, autoencoders: str, outputs: Sequence[str], metric: str, signal: str, sources: Sequence[str]
) -> None:
    """Draw the matrix with families of autoencoders in rows and `sources` in columns."""
    from aedr.autoencoders.families import family_label, members
    from aedr.figures.accuracy import draw_accuracy
    from aedr.tables.files import read_table

    families = members(read_table(autoencoders, "autoencoders"))
    labels = {family: family_label(names) for family, names in families.items()}
    draw_accuracy(read_table(accuracy, "accuracy"), labels, sources, (metric, signal), outputs)


if __name__ == "__main__":
    with job(snakemake):
        plot_accuracy(
            accuracy=snakemake.input.accuracy,
            autoencoders=snakemake.input.autoencoders,
            outputs=snakemake.output,
            metric=snakemake.params.metric,
            signal=snakemake.params.signal,
            sources=snakemake.params.sources,
        )
