"""The figures that the paper reports, beside the study's own for the same models."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from aedr.scoring.methods import PUBLISHED
from aedr.study.paper import PAPER

REAL = "real"
# What the figures are of, where they are not of one source's images. Means are those of a model's cells, that of real
# images among them. Which images Tables 3, 5 and 7 are of is not known here.
ALL_OTHERS, UNSTATED = "all other sources", "unstated"
# The metric and the signal of each method of the paper, by its column in the files of reported figures.
METHODS = {
    "aedr": PUBLISHED,
    "without_calibration": (PUBLISHED[0], "loss_ratio"),
    "latent_tracer": ("latent_tracer", "first_loss"),
    "ronan": ("ronan", "first_loss"),
}
TABLES = {"aedr": "1 and 4", "without_calibration": "6", "latent_tracer": "1", "ronan": "1"}
# By these columns a reported and a measured figure are the same.
SAME = ["quantity", "paper_autoencoder", "paper_source", "metric", "signal"]


def reported_figures() -> pd.DataFrame:
    """Return the paper's figures: `paper_table`, the columns `SAME`, and `reported`, where accuracy is a share."""
    cells, models, metrics = (
        pd.read_csv(PAPER / f"{name}.csv", comment="#") for name in ("cells", "models", "metrics")
    )
    rows: list[dict[str, Any]] = []

    def add(table: str, quantity: str, autoencoder: str, source: str, method: tuple[str, str], reported: float) -> None:
        row = {"paper_table": table, "paper_autoencoder": autoencoder, "paper_source": source, "quantity": quantity}
        rows.append(row | {"metric": method[0], "signal": method[1], "reported": reported})

    for name, method in METHODS.items():
        for cell in cells.to_dict("records") if name in cells else []:
            table = "2" if cell["source"] == REAL else "1"
            add(table, "accuracy", cell["autoencoder"], cell["source"], method, cell[name] / 100)
        for model in models.to_dict("records"):
            add(TABLES[name], "accuracy", model["model"], ALL_OTHERS, method, model[name] / 100)
            if f"{name}_seconds" in models:
                add("3", "seconds_per_image", model["model"], UNSTATED, method, model[f"{name}_seconds"])
    for row in metrics.to_dict("records"):
        method = (row["metric"], PUBLISHED[1])
        add("5", "accuracy", row["model"], UNSTATED, method, row["accuracy"] / 100)
    for model in models.to_dict("records"):
        add("7", "significance_level", model["model"], UNSTATED, PUBLISHED, model["significance_level"])
    return pd.DataFrame(rows)


def compare_with_paper(
    accuracy: pd.DataFrame,
    thresholds: pd.DataFrame,
    seconds: Mapping[tuple[str, str], float],
    models: Mapping[str, str],
    real_sources: set[str],
) -> pd.DataFrame:
    """Return the paper table: each figure of the paper that the study measured too, with what it measured.

    All is by the paper's protocol, on held-out images. A mean over sources is compared only where the study has all
    that the paper's mean is over, and is taken over these.

    Args:
        accuracy, thresholds: the tables of these names.
        seconds: seconds an image, by model and by method (a key of `METHODS`), on the model's own images.
        models: what the paper calls each model of the study (`aedr.study.paper.paper_models`).
        real_sources: the image sets of real images.
    """
    reported = reported_figures()
    own = accuracy[accuracy["belonging"]].drop_duplicates("source").set_index("source")["autoencoder"]
    # Models with one autoencoder have one row here and one each in the paper.
    rows = pd.DataFrame(
        [(name, own[model], model) for model, name in models.items() if model in own],
        columns=["paper_autoencoder", "autoencoder", "model"],
    )
    sources = pd.DataFrame(
        [*models.items(), *((source, REAL) for source in sorted(real_sources))], columns=["source", "paper_source"]
    )
    held_out = accuracy[(accuracy["protocol"] == "held_out") & ~accuracy["belonging"]]
    families = rows.drop_duplicates(["paper_autoencoder", "autoencoder"]).drop(columns="model")
    cells = held_out.merge(families, on="autoencoder").merge(sources, on="source")
    cells = cells.rename(columns={"accuracy": "measured"}).assign(quantity="accuracy")
    fitted = thresholds[(thresholds["protocol"] == "held_out")].merge(families, on="autoencoder")
    levels = fitted.rename(columns={"alpha": "measured"}).assign(quantity="significance_level", paper_source=UNSTATED)
    costs = [
        {"metric": METHODS[method][0], "signal": METHODS[method][1], "model": model, "measured": value}
        for (model, method), value in seconds.items()
    ]
    timed = rows.merge(pd.DataFrame(costs, columns=["metric", "signal", "model", "measured"]), on="model")
    timed = timed.rename(columns={"model": "source"}).assign(quantity="seconds_per_image", paper_source=UNSTATED)
    measured = pd.concat([cells, _means(cells, reported), levels.assign(source=UNSTATED), timed])
    compared = reported.merge(measured[[*SAME, "autoencoder", "source", "measured"]], on=SAME)
    return compared.assign(difference=compared["measured"] - compared["reported"])


def _means(cells: pd.DataFrame, reported: pd.DataFrame) -> pd.DataFrame:
    """Return the means over all other sources of the paper, for autoencoders for which the study has them all."""
    single = reported[~reported["paper_source"].isin([ALL_OTHERS, UNSTATED])]
    needed = single.groupby("paper_autoencoder")["paper_source"].agg(set)
    means = []
    for key, group in cells.groupby(["paper_autoencoder", "autoencoder", "metric", "signal"], sort=False):
        names = dict(zip(["paper_autoencoder", "autoencoder", "metric", "signal"], key, strict=True))
        others = group[group["paper_source"].isin(needed[key[0]])]
        if set(others["paper_source"]) == needed[key[0]]:
            # Several sets of real images count once, as the paper's.
            mean = others.groupby("paper_source")["measured"].mean().mean()
            row = names | {"quantity": "accuracy", "source": ALL_OTHERS, "measured": mean}
            means += [row | {"paper_source": of} for of in (ALL_OTHERS, UNSTATED)]
    return pd.DataFrame(means)
