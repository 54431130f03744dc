"""Score what `measure_damage.py` measured: signals under damage, and verdicts on damaged images.

    python benchmarks/demo/score_damage.py FOLDER ... --calibrations FOLDER ...

Each FOLDER holds what was measured of one study; --calibrations names those that nothing is scored of. Signals: over
all pairs of an autoencoder and another source, with the images of all folders together; the threshold is fitted on the
untouched own images of the calibrations, or on every second own image damaged alike, and the others are scored.
Verdicts: as `snakemake attribute` gives them, by the untouched images of each of the calibrations.
"""

import argparse
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measure_damage import AUTOENCODERS, DAMAGE
from tabulate import tabulate

from aedr.scoring.accuracy import area_under_curve
from aedr.scoring.signals import FITTED_SIGNALS, FittedParameters, add_signals, fit_parameters
from aedr.scoring.thresholds import fit_threshold
from aedr.study.sources import QUERY, RESTORED, original_id
from aedr.tables.files import read_table
from aedr.verdicts.attribution import attribute
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, SEVERAL
from aedr.verdicts.promise import Promise

SIGNALS = {
    "AEDR as published": ("l2", "calibrated_ratio"),
    "l2, residual": ("l2", "residual"),
    "high-frequency, residual": ("high_frequency", "residual"),
    "mid-frequency, residual": ("mid_frequency", "residual"),
    "controlled_l2, ratio": ("controlled_l2", "loss_ratio"),
    "cell_l1, residual": ("cell_l1", "residual"),
    "cell_l2, ratio": ("cell_l2", "loss_ratio"),
    "refined_observed, ratio": ("refined_observed", "loss_ratio"),
    "refined_l2, ratio": ("refined_l2", "loss_ratio"),
    "refined_l1, ratio": ("refined_l1", "loss_ratio"),
    "refined_l2, capped ratio": ("refined_l2", "capped_ratio"),
    "refined_l1, capped ratio": ("refined_l1", "capped_ratio"),
}
METRICS = ("refined_l2", "refined_l1")
LEVEL = 0.05
NO_FIT = FittedParameters(0.0, 1.0, 0.0)


def source_of(image_id: str) -> str:
    """Return the source of an image that is asked about, `query/SOURCE/NAME`."""
    return original_id(image_id).split("/")[1]


def read_damage(folder: Path, damage: str) -> dict[str, pd.DataFrame]:
    return {
        name: read_table(folder / damage / f"{name}.parquet", name)
        for name in ("images", "losses", "homogeneity", "histories")
    }


def one_row_an_image(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return losses with homogeneity: of an image with copies, those of its copy."""
    losses = tables["losses"].merge(tables["homogeneity"][["image_id", "homogeneity"]], on="image_id")
    losses = losses.assign(image=losses["image_id"].map(original_id), is_copy=losses["source"] == RESTORED)
    losses = losses.sort_values("is_copy", kind="stable").drop_duplicates(
        ["image", "autoencoder", "metric"], keep="last"
    )
    return losses.assign(source=losses["image_id"].map(source_of)).sort_values(["source", "image"])


def of_all(folders: Sequence[Path], damage: str) -> pd.DataFrame:
    """Return the losses of several studies, whose images have the same names."""
    rows = {folder.name: one_row_an_image(read_damage(folder, damage)) for folder in folders}
    return pd.concat([table.assign(image=name + "/" + table["image"]) for name, table in rows.items()])


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every second image of rows of one source, to fit on, and the others."""
    images = np.sort(rows["image"].unique())
    return rows[rows["image"].isin(images[::2])], rows[rows["image"].isin(images[1::2])]


def score_signals(untouched: pd.DataFrame, damaged: pd.DataFrame, damage: str) -> pd.DataFrame:
    """Return, for each signal, autoencoder, source and way to fit: accuracy, area and true positives at 1 %.

    Args:
        untouched: what thresholds are carried over from: other images than those in `damaged`.
    """
    cells = []
    for (name, (metric, signal)), autoencoder in itertools.product(SIGNALS.items(), AUTOENCODERS):
        before, after = (
            rows[(rows["metric"] == metric) & (rows["autoencoder"] == autoencoder)] for rows in (untouched, damaged)
        )
        own = after[after["source"] == autoencoder]
        alike, held_out = split(own)
        fittings = {
            "untouched": (before[before["source"] == autoencoder], own),
            "alike": (alike, held_out),
        }
        for fitted_on, (fitting, scored) in fittings.items():
            parameters = fit_parameters(fitting, fitting["homogeneity"]) if signal in FITTED_SIGNALS else NO_FIT

            def values(rows: pd.DataFrame, fitted: FittedParameters = parameters, of: str = signal) -> Any:
                return add_signals(rows, fitted)[of].dropna().to_numpy()

            threshold = fit_threshold(values(fitting), LEVEL)
            of_own = values(scored)
            for source, rows in after[after["source"] != autoencoder].groupby("source"):
                others = values(rows)
                cells.append(
                    {
                        "damage": damage,
                        "signal": name,
                        "autoencoder": autoencoder,
                        "source": source,
                        "fitted on": fitted_on,
                        "accuracy": ((of_own < threshold).mean() + (others >= threshold).mean()) / 2,
                        "area": area_under_curve(of_own, others),
                        "true positives at 1 %": (of_own < np.quantile(others, 0.01)).mean(),
                    }
                )
    return pd.DataFrame(cells)


def calibration_of(folder: Path) -> Calibration:
    """Return the calibration that the untouched images measured in a folder make."""
    rows = one_row_an_image(read_damage(folder, "untouched"))
    tables, families = [], {}
    for autoencoder in AUTOENCODERS:
        fitted = {}
        for metric in METRICS:
            of_metric = rows[(rows["metric"] == metric) & (rows["autoencoder"] == autoencoder)]
            own = of_metric["source"] == autoencoder
            fitting, _ = split(of_metric[own])
            parameters = fit_parameters(fitting, fitting["homogeneity"])
            fitted[metric] = vars(parameters)
            kept = of_metric[~of_metric["image"].isin(fitting["image"])]
            tables.append(add_signals(kept, parameters).assign(belonging=own, group=kept["image"]))
        families[autoencoder] = {
            "members": [autoencoder],
            "factor": 4,
            "preprocessing": {"off_grid": "crop"},
            "fitted": fitted,
        }
    description = {"metric": METRICS[0], "second_metric": METRICS[1], "signal": "capped_ratio", "families": families}
    reference = pd.concat(tables)
    reference = reference.assign(value=reference["capped_ratio"]).dropna(subset=["value"])
    return Calibration(
        description | {"real_sources": ["photographs"]}, reference, {name: name for name in AUTOENCODERS}
    )


def count_verdicts(calibration: Calibration, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each image that is asked about: what was answered, and the p-values that matter."""
    images = tables["images"]
    asked = images[images["source"] == QUERY]
    reference = calibration.reference(Promise(LEVEL))
    verdicts = attribute(asked, tables["losses"], tables["homogeneity"], calibration, reference, tables["histories"])
    rows = []
    for row in verdicts.itertuples():
        source = row.image_id.split("/")[1]
        own = [e["p_value"] for e in row.evidence if e["autoencoder"] == source]
        near = [e["corrected_p_value"] for e in row.evidence if e["corrected_p_value"] is not None]
        rows.append(
            {
                "own": source in AUTOENCODERS,
                "right": row.verdict == FAMILY and row.autoencoders[0] == source,
                "wrong": row.verdict in (FAMILY, SEVERAL) and source not in row.autoencoders,
                "several": row.verdict == SEVERAL and source in row.autoencoders,
                "none": row.verdict == NONE,
                "cannot": row.verdict == CANNOT_SAY,
                "p of own": own[0] if own else np.nan,
                "p of real": min(near) if near and source not in AUTOENCODERS else np.nan,
            }
        )
    return pd.DataFrame(rows)


def percent(values: Iterable[float]) -> str:
    return f"{100 * np.mean(list(values)):.1f}"


def print_signals(folders: list[Path], calibrations: list[Path], damages: list[str]) -> None:
    untouched = of_all(calibrations, "untouched")
    scores = []
    for damage in damages:
        damaged = of_all(folders, damage)
        before = untouched
        if "searched" in damage:
            # Searched losses leave out the rim, so thresholds come from untouched images that were searched too.
            searched = of_all(folders, "searched")
            images = np.sort(searched["image"].unique())[::2]
            before = searched[searched["image"].isin(images)]
            damaged = damaged[~damaged["image"].isin(images)]
        scores.append(score_signals(before, damaged, damage))
    cells = pd.concat(scores)
    for measure in ("accuracy", "area", "true positives at 1 %"):
        means = cells.groupby(["damage", "signal", "fitted on"])[measure].mean().unstack()
        rows = []
        for damage in damages:
            line = [damage]
            for name in SIGNALS:
                ways = means.loc[(damage, name)]
                if measure == "accuracy":
                    line.append(" / ".join(f"{100 * ways[way]:.1f}" for way in ("untouched", "alike")))
                else:
                    line.append(f"{ways['untouched']:.3f}")
            rows.append(line)
        how = "thresholds from untouched images / alike" if measure == "accuracy" else "parameters from untouched ones"
        print(f"\n{measure}, {how}:\n\n" + tabulate(rows, ["", *SIGNALS], tablefmt="github", disable_numparse=True))
    carried = cells[(cells["fitted on"] == "untouched") & cells["signal"].str.startswith("refined_l")]
    by_autoencoder = carried.groupby(["damage", "signal", "autoencoder"], sort=False)["accuracy"].mean().unstack()
    table = (100 * by_autoencoder).reset_index()
    print("\naccuracy by autoencoder, thresholds from untouched images:\n")
    print(tabulate(table, "keys", "github", floatfmt=".1f", showindex=False))


def print_verdicts(folders: list[Path], calibrations: list[Path], damages: list[str]) -> None:
    rows = []
    for damage in damages:
        if "searched" in damage:
            continue
        pairs = itertools.product(calibrations, folders)
        counted = pd.concat([count_verdicts(calibration_of(one), read_damage(other, damage)) for one, other in pairs])
        own, photographs = counted[counted["own"]], counted[~counted["own"]]
        rows.append(
            [
                damage,
                *(percent(own[answer]) for answer in ("right", "wrong", "several", "none", "cannot")),
                percent(own["p of own"] <= LEVEL),
                f"{own['p of own'].mean():.2f}",
                *(percent(photographs[answer]) for answer in ("wrong", "none", "cannot")),
                percent(photographs["p of real"] <= LEVEL),
            ]
        )
    heads = [
        "",
        "own: right",
        "wrong",
        "several",
        "none of these",
        "cannot say",
        "p of own at most .05",
        "mean p of own",
    ]
    heads += ["photographs: given to any", "none of these", "cannot say", "p of real at most .05"]
    print("\nverdicts, percent:\n\n" + tabulate(rows, heads, tablefmt="github", disable_numparse=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--calibrations", type=Path, nargs="+", required=True)
    arguments = parser.parse_args()
    measured = [damage for damage in DAMAGE if all((folder / damage).exists() for folder in arguments.folders)]
    print_signals(arguments.folders, arguments.calibrations, measured)
    print_verdicts(arguments.folders, arguments.calibrations, measured)


if __name__ == "__main__":
    main()
