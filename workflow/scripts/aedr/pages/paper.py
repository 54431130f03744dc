"""The report's section on the paper's figures beside the study's own."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from aedr.figures.style import shade_place, shade_table
from aedr.scoring.methods import method_name
from aedr.scoring.paper import ALL_OTHERS, UNSTATED

# How a quantity that is no cell of a matrix is written: its name, the factor to its unit, and the format of a value.
WRITTEN = {
    "accuracy": ("accuracy, %", 100, "{:.1f}"),
    "seconds_per_image": ("seconds an image", 1, "{:.2f}"),
    "significance_level": ("significance level", 1, "{:.3f}"),
}


def describe_paper(paper: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return a matrix of single cells for each method, and a row for each other figure.

    Args:
        paper: the paper table, with at least one row.
        labels: the name of each family on the page.
    """
    is_cell = ~paper["paper_source"].isin([ALL_OTHERS, UNSTATED])
    by_method = paper[is_cell].groupby(["metric", "signal"], sort=False)
    return {
        "matrices": [
            {"method": method_name(*(str(part) for part in key))} | _matrix(cells, labels) for key, cells in by_method
        ],
        "rows": [_row(row, labels) for row in paper[~is_cell].to_dict("records")],
    }


def _matrix(cells: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return one method's cells; None where the paper reports nothing, as of an autoencoder's own images."""
    # In the order of the rows; real images, which have no row, come last.
    order = {name: place for place, name in enumerate(dict.fromkeys(cells["paper_autoencoder"]))}
    columns = sorted(
        dict.fromkeys(zip(cells["paper_source"], cells["source"], strict=True)),
        key=lambda names: order.get(names[0], len(order)),
    )
    shades = shade_table()
    found = cells.set_index(["paper_autoencoder", "autoencoder", "paper_source", "source"])
    figures = found[["measured", "reported", "difference"]].to_dict("index")
    rows = []
    for paper_name, family in dict.fromkeys(zip(cells["paper_autoencoder"], cells["autoencoder"], strict=True)):
        of_row = [figures.get((paper_name, family, *column)) for column in columns]
        shaded = [
            cell and cell | dict(zip(("paper", "ink"), shades[shade_place(cell["measured"])], strict=True))
            for cell in of_row
        ]
        rows.append({"paper_name": paper_name, "family": labels[family], "cells": shaded})
    differences = cells["difference"]
    return {
        "columns": columns,
        "rows": rows,
        "mean_difference": differences.mean(),
        "largest_difference": differences.loc[differences.abs().idxmax()],
    }


def _row(row: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str]:
    quantity, factor, form = WRITTEN[row["quantity"]]
    method = method_name(row["metric"], row["signal"])
    measured, reported, difference = (factor * row[key] for key in ("measured", "reported", "difference"))
    return {
        "figure": f"{method}: {quantity}",
        "paper_name": row["paper_autoencoder"],
        "family": labels[row["autoencoder"]],
        "measured": form.format(measured),
        "reported": form.format(reported),
        "difference": form.replace(":", ":+").format(difference),
        "table": row["paper_table"],
    }
