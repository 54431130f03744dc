"""Every method's accuracy against its seconds per image."""

from collections.abc import Sequence

import pandas as pd

from aedr.figures.series import series_look
from aedr.figures.style import COLOURS, PAGE, save_figure, style
from aedr.scoring.methods import MEAN
from aedr.tables.columns import OPPONENTS


def draw_methods(methods: pd.DataFrame, outputs: Sequence[str]) -> None:
    """Draw means over autoencoders on held-out images, against other models and against real images.

    Args:
        methods: the methods table.
    """
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    rows = methods[methods["autoencoder"] == MEAN]
    shown = [kind for kind in OPPONENTS if rows[f"accuracy_against_{kind}"].notna().any()]
    devices = ", ".join(sorted(set(rows["device"])))
    with style() as plt:
        figure, grid = plt.subplots(
            1, len(shown), figsize=(PAGE, 2.9), squeeze=False, sharey=True, layout="constrained"
        )
        for axes, kind in zip(grid[0], shown, strict=True):
            for row in rows.itertuples():
                is_of_all = row.autoencoder_count == rows["autoencoder_count"].max()
                axes.plot(
                    row.seconds_per_image,
                    100 * getattr(row, f"accuracy_against_{kind}"),
                    linestyle="none",
                    # Hollow, because methods overlap.
                    markersize=5.5,
                    markerfacecolor="none",
                    markeredgewidth=1.1,
                    label=row.method if is_of_all else f"{row.method} (quantised only)",
                    **series_look(row.metric, row.signal),
                )
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_title(f"against {kind.replace('_', ' ')}")
            axes.grid(linewidth=0.4, color=COLOURS["ink"], alpha=0.2)
        grid[0, 0].set_ylabel("accuracy on held-out images, %")
        figure.supxlabel(f"seconds per image ({devices})", fontsize=7)
        handles = grid[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside right upper", frameon=False)
        caption = (
            f"Accuracy of every method against its seconds per image ({devices}): means over the autoencoders that a "
            "method applies to, on held-out images. The time includes reconstructions and distances, but not loading "
            "weights and decoding pictures. Its axis is logarithmic."
        )
        save_figure(figure, outputs, "Accuracy and cost of every method", caption)
