"""Draw every method's accuracy against its seconds per image; read the methods table, write figures."""

from collections.abc import Sequence

from aedr.jobs import job


def plot_methods(*, methods: str, outputs: Sequence[str]) -> None:
    """Draw the means over the autoencoders."""
    from aedr.figures.methods import draw_methods
    from aedr.tables.files import read_table

    draw_methods(read_table(methods, "methods"), outputs)


if __name__ == "__main__":
    with job(snakemake):
        plot_methods(methods=snakemake.input[0], outputs=snakemake.output)
