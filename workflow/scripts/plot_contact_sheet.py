"""Draw a sample of a source's images with their prompts; read an images table, write a picture."""

import textwrap

from aedr.jobs import job

ROWS, COLUMNS = 4, 6


def plot_contact_sheet(images: str, output: str, max_pixels: int) -> None:
    """Draw images spread evenly over the table `images` in a grid; one without a picture shows its reason."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from aedr.images.pictures import decode_image
    from aedr.tables.files import read_table

    table = read_table(images, "images")
    table = table.iloc[np.linspace(0, len(table) - 1, min(len(table), ROWS * COLUMNS)).round().astype(int)]
    rows = -(-len(table) // COLUMNS)
    figure, grid = plt.subplots(
        rows, COLUMNS, figsize=(COLUMNS * 1.8, rows * 2.35), squeeze=False, layout="constrained"
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, row in zip(grid.flat, table.itertuples(), strict=False):
        if isinstance(row.reason, str):
            axes.text(0.5, 0.5, textwrap.fill(row.reason, 24), ha="center", va="center", fontsize=6)
        else:
            # Small pictures are shown pixel by pixel, since their pixels are what the method looks at.
            axes.imshow(decode_image(row.image["bytes"], max_pixels), interpolation="nearest")
        label = row.prompt if isinstance(row.prompt, str) else row.image_id
        # A "$" would open a formula.
        axes.set_title(
            textwrap.fill(label, 34, max_lines=4, placeholder=" ..."), fontsize=5, loc="left", parse_math=False
        )
    figure.savefig(output, dpi=150, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    with job(snakemake):
        plot_contact_sheet(snakemake.input[0], snakemake.output[0], snakemake.params.max_pixels)
