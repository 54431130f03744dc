"""Draw a sample of a source's images with their prompts; read an images table, write figures."""

from collections.abc import Sequence

from aedr.jobs import job


def plot_contact_sheet(*, images: str, outputs: Sequence[str], source: str) -> None:
    """Draw images spread evenly over the table `images`."""
    from aedr.figures.contact_sheet import draw_contact_sheet
    from aedr.tables.files import read_table

    draw_contact_sheet(read_table(images, "images"), source, outputs)


if __name__ == "__main__":
    with job(snakemake):
        plot_contact_sheet(
            images=snakemake.input[0],
            outputs=snakemake.output,
            source=snakemake.wildcards.source,
        )
