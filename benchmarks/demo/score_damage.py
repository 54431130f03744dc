"""Score what `measure_damage.py` measured: signals under damage, and verdicts on damaged images.

    python benchmarks/demo/score_damage.py FOLDER ... [--calibrations FOLDER ...]

Each FOLDER holds what was measured of one study. Signals: over all pairs of an autoencoder and another source, the
threshold is fitted on every second own image, either untouched or damaged alike, and the other half is scored; cells
are means over the folders. Verdicts: as `snakemake attribute` gives them, by a calibration from untouched images of
each of the other folders, or of those that --calibrations names.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
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

AUTOENCODERS = ("demo-sd", "demo-sd3", "demo-tiny", "demo-xl", "demo-vq")
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


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every second image of rows of one source, to fit on, and the others."""
    images = np.sort(rows["image"].unique())
    return rows[rows["image"].isin(images[::2])], rows[rows["image"].isin(images[1::2])]


def score_signals(untouched: pd.DataFrame, damaged: pd.DataFrame) -> pd.DataFrame:
    """Return, for each signal, autoencoder, source and way to fit: accuracy, area and true positives at 1 %."""
    cells = []
    for name, (metric, signal) in SIGNALS.items():
        for autoencoder in AUTOENCODERS:
            before, after = (
                rows[(rows["metric"] == metric) & (rows["autoencoder"] == autoencoder)] for rows in (untouched, damaged)
            )
            for fitted_on, fitted_rows in (("untouched", before), ("alike", after)):
                fitting, _ = split(fitted_rows[fitted_rows["source"] == autoencoder])
                is_fitted = signal in FITTED_SIGNALS
                parameters = fit_parameters(fitting, fitting["homogeneity"]) if is_fitted else NO_FIT
                threshold = fit_threshold(add_signals(fitting, parameters)[signal].dropna().to_numpy(), LEVEL)
                scored = add_signals(after, parameters)
                own = split(scored[scored["source"] == autoencoder])[1][signal].dropna().to_numpy()
                for source, rows in scored[scored["source"] != autoencoder].groupby("source"):
                    others = split(rows)[1][signal].dropna().to_numpy()
                    cells.append(
                        {
                            "signal": name,
                            "autoencoder": autoencoder,
                            "source": source,
                            "fitted on": fitted_on,
                            "accuracy": ((own < threshold).mean() + (others >= threshold).mean()) / 2,
                            "area": area_under_curve(own, others),
                            "true positives at 1 %": (own < np.quantile(others, 0.01)).mean(),
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
        near = [e["corrected_p_value"] for e in row.evidence]
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


def print_signals(folders: list[Path], damages: list[str]) -> None:
    scores = {}
    for folder in folders:
        reading = {damage: one_row_an_image(read_damage(folder, damage)) for damage in damages}
        for damage in damages:
            before = reading["searched" if "searched" in damage else "untouched"]
            scores[folder, damage] = score_signals(before, reading[damage])
    for measure in ("accuracy", "area", "true positives at 1 %"):
        rows = []
        for damage in damages:
            cells = pd.concat([scores[folder, damage] for folder in folders])
            line = [damage]
            for name in SIGNALS:
                of_signal = cells[cells["signal"] == name].groupby("fitted on")[measure].mean()
                if measure == "accuracy":
                    line.append(f"{100 * of_signal['untouched']:.1f} / {100 * of_signal['alike']:.1f}")
                else:
                    line.append(f"{of_signal['alike']:.3f}")
            rows.append(line)
        how = ", thresholds from untouched images / alike" if measure == "accuracy" else ", fitted alike"
        print(f"\n{measure}{how}:\n\n" + tabulate(rows, ["", *SIGNALS], tablefmt="github", disable_numparse=True))
    rows = []
    for damage in damages:
        cells = pd.concat([scores[folder, damage] for folder in folders])
        for name in ("refined_l1, capped ratio", "refined_l2, capped ratio"):
            carried = cells[(cells["signal"] == name) & (cells["fitted on"] == "untouched")]
            by_autoencoder = carried.groupby("autoencoder")["accuracy"].mean()
            rows.append([damage, name, *(f"{100 * by_autoencoder[each]:.1f}" for each in AUTOENCODERS)])
    heads = ["", "signal", *AUTOENCODERS]
    print(
        "\naccuracy by autoencoder, thresholds from untouched images:\n\n"
        + tabulate(rows, heads, tablefmt="github", disable_numparse=True)
    )


def print_verdicts(folders: list[Path], calibrations: list[Path], damages: list[str]) -> None:
    rows = []
    for damage in damages:
        if "searched" in damage:
            continue
        pairs = [(one, other) for one in calibrations for other in folders if one != other]
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
    parser.add_argument("--calibrations", type=Path, nargs="+")
    arguments = parser.parse_args()
    damages = [
        path.name
        for path in sorted(arguments.folders[0].iterdir(), key=lambda path: (path / "losses.parquet").stat().st_mtime)
        if all((folder / path.name / "losses.parquet").exists() for folder in arguments.folders)
    ]
    print_signals(arguments.folders, damages)
    print_verdicts(arguments.folders, arguments.calibrations or arguments.folders, damages)


if __name__ == "__main__":
    main()
