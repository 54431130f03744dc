"""Draw which model of each family is named, and by how many calls; read tables of the second stage, write figures."""

from collections.abc import Sequence

from aedr.jobs import job


def plot_models(*, confusion: str, calls: str, outputs: Sequence[str]) -> None:
    """Draw the verdicts on held-out images, and the accuracy by the number of calls."""
    from aedr.figures.models import draw_models
    from aedr.tables.files import read_table

    draw_models(read_table(confusion, "confusion"), read_table(calls, "denoiser_calls"), outputs)


if __name__ == "__main__":
    with job(snakemake):
        plot_models(confusion=snakemake.input.confusion, calls=snakemake.input.calls, outputs=snakemake.output)
