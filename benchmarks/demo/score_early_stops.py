"""Score what could be left unmeasured of a query: controls that mean nothing, or all after a cheap screen.

    python benchmarks/demo/score_early_stops.py FOLDER ... --calibration FOLDER [--seconds RESULTS]

Each FOLDER holds what `measure_damage.py` measured of one study, complete, so nothing is reconstructed again. Measuring
everything is compared with these ways:

* early stops, as `snakemake attribute` makes them: no control where the first losses are beyond the family's limits;
* a screen: an image is refused, and counts as farther than every own image, if its ratio by a cheap metric is above
  the largest of the calibration's own images, times a margin;
* both: the screen, then early stops.

Halves are passes through half of an autoencoder, for all families together, of which reading and looking for the
orientation have no part. --seconds measures the CPU time of a query with and without early stops, on the images in
RESULTS, the folder of a run of the demo.
"""

import argparse
import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from measure_damage import AUTOENCODERS, DAMAGE, SOURCES, damaged_tables
from score_damage import LEVEL, METRICS, calibration_of, count_verdicts, one_row_an_image, read_damage, source_of
from tabulate import tabulate

from aedr.autoencoders.loading import load_autoencoder
from aedr.costs import Costs
from aedr.reconstruction.limits import Limit
from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.observed_shards import observe_shard
from aedr.reconstruction.shards import ReconstructionSettings, reconstruct_shard
from aedr.study.metrics import OBSERVED
from aedr.study.sources import original_id
from aedr.tables.files import read_tables
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.promise import Promise

SCREENS = ("cell_l1", "cell_l2", "controlled_l2")
MARGINS = (1.0, 1.25, 1.5, 2.0, 3.0)
# What verdicts are counted with.
CHOSEN = ("cell_l2", 2.0)
# Passes through half of an autoencoder: all, without the control, the screen alone, and what the screen adds.
ALL, STOPPED, SCREEN, CONTROL_OF_SCREEN = 16, 8, 4, 2
# Farther than anything.
REFUSED = {"first_loss": 1e12, "second_loss": 1.0}
ANSWERS = ("right", "wrong", "several", "none", "cannot")
# What a query measured when it had every metric of the configuration.
DEFAULT_METRICS = ("l1", "l2", "ssim", "psnr", "high_frequency", "mid_frequency", "cell_l1", "refined_l1", "refined_l2")
CPU = torch.device("cpu")

Limits = Mapping[str, Mapping[str, Limit]]


def beyond_limits(losses: pd.DataFrame, limits: Limits) -> pd.Series:
    """Return which images are beyond the limits of all metrics of an autoencoder, by both names."""
    rows = losses[losses["metric"].isin(METRICS)]
    beyond = [
        limits[row.autoencoder][row.metric].is_beyond(row.first_loss) if pd.notna(row.first_loss) else False
        for row in rows.itertuples()
    ]
    return rows.assign(beyond=beyond).groupby(["image_id", "autoencoder"])["beyond"].all()


def refused(losses: pd.DataFrame, largest: Mapping[str, float], metric: str, margin: float) -> pd.Series:
    """Return which images the screen refuses.

    Args:
        largest: the largest ratio of each autoencoder's own images by this metric.
    """
    rows = losses[losses["metric"] == metric]
    ratio = rows["first_loss"] / rows["second_loss"]
    return rows.assign(refused=ratio > margin * rows["autoencoder"].map(largest)).set_index(
        ["image_id", "autoencoder"]
    )["refused"]


def largest_own(folder: Path, metric: str) -> dict[str, float]:
    rows = one_row_an_image(read_damage(folder, "untouched"))
    own = rows[(rows["source"] == rows["autoencoder"]) & (rows["metric"] == metric)]
    return (own["first_loss"] / own["second_loss"]).groupby(own["autoencoder"]).max().to_dict()


def shares(pairs: pd.Series) -> list[float]:
    """Return the share of pairs in percent: of own images, those of other models, and photographs."""
    table = pairs.rename("is").reset_index()
    source = table["image_id"].map(source_of)
    own, others = source == table["autoencoder"], source.isin(AUTOENCODERS)
    return [100 * table["is"][kind].mean() for kind in (own, others & ~own, ~others)]


def halves(losses: pd.DataFrame, stopped: pd.Series, refused_too: pd.Series | None) -> float:
    """Return the halves of an image under all autoencoders, on average over images; copies are counted too."""
    cost = pd.Series(np.where(stopped, STOPPED, ALL), stopped.index)
    if refused_too is not None:
        cost = (cost + CONTROL_OF_SCREEN).mask(refused_too.reindex(stopped.index), SCREEN)
    return float(cost.sum() / losses["image_id"].map(original_id).nunique())


def with_losses(losses: pd.DataFrame, which: pd.Series, values: Mapping[str, float]) -> pd.DataFrame:
    """Return losses in which those of some images under some autoencoders have other values."""
    keys = pd.MultiIndex.from_frame(losses[["image_id", "autoencoder"]])
    changed = which.reindex(keys).fillna(False).to_numpy(dtype=bool) & losses["metric"].isin(METRICS).to_numpy()
    return losses.assign(**{name: losses[name].mask(changed, value) for name, value in values.items()})


def score(folders: Sequence[Path], calibration_folder: Path, damages: Sequence[str]) -> None:
    calibration = calibration_of(calibration_folder)
    limits = calibration.limits(Promise(LEVEL))
    largest = {metric: largest_own(calibration_folder, metric) for metric in SCREENS}
    stops, screens, answers = [], [], []
    for damage in damages:
        tables = [read_damage(folder, damage) for folder in folders]
        losses = pd.concat(
            [table["losses"].assign(folder=folder.name) for folder, table in zip(folders, tables, strict=True)]
        )
        losses = losses.assign(image_id=losses["image_id"] + "@" + losses["folder"])
        stopped = beyond_limits(losses, limits)
        by_screen = refused(losses, largest[CHOSEN[0]], *CHOSEN)
        stops.append(
            [
                damage,
                *shares(stopped),
                halves(losses, stopped & False, None),
                halves(losses, stopped, None),
                halves(losses, stopped & False, by_screen),
                halves(losses, stopped, by_screen),
            ]
        )
        for metric, margin in itertools.product(SCREENS, MARGINS):
            found = refused(losses, largest[metric], metric, margin)
            screens.append([damage, metric, margin, *shares(found)])
        answers += [[damage, way, *counted] for way, counted in count(calibration, tables, limits, largest).items()]
    own, others, photographs = "own images", "of other models", "photographs"
    print("\nearly stops: percent of images without a control, and halves of an image under all families:\n")
    heads = ["", own, others, photographs, "halves: all", "early stops", "screen", "both"]
    print(tabulate(stops, heads, "github", floatfmt=".1f"))
    print("\nscreens: percent refused:\n")
    print(tabulate(screens, ["", "metric", "margin", own, others, photographs], "github", floatfmt=".2f"))
    print(f"\nverdicts, percent; the screen is {CHOSEN[0]}, margin {CHOSEN[1]:g}:\n")
    heads = ["", "", *(f"own: {answer}" for answer in ANSWERS), *(f"photographs: {answer}" for answer in ANSWERS[1:])]
    print(tabulate(answers, [*heads, "changed"], "github", floatfmt=".1f"))


def count(
    calibration: Calibration,
    tables: Sequence[dict[str, pd.DataFrame]],
    limits: Limits,
    largest: Mapping[str, Mapping[str, float]],
) -> dict[str, list[float]]:
    """Return, for each way, percent of each answer and how many answers differ from those to complete measurements."""

    def stopped(losses: pd.DataFrame) -> pd.DataFrame:
        return with_losses(losses, beyond_limits(losses, limits), {"second_loss": np.nan})

    def screened(losses: pd.DataFrame) -> pd.DataFrame:
        return with_losses(losses, refused(losses, largest[CHOSEN[0]], *CHOSEN), REFUSED)

    ways = {"complete": lambda losses: losses, "early stops": stopped, "screen": screened}
    found: dict[str, pd.DataFrame] = {
        way: pd.concat(
            [count_verdicts(calibration, table | {"losses": change(table["losses"])}) for table in tables],
            ignore_index=True,
        )
        for way, change in ways.items()
    }
    of_own = found["complete"]["own"]
    return {
        way: [
            *(100 * answers[answer][of_own].mean() for answer in ANSWERS),
            *(100 * answers[answer][~of_own].mean() for answer in ANSWERS[1:]),
            int((answers[list(ANSWERS)] != found["complete"][list(ANSWERS)]).any(axis=1).sum()),
        ]
        for way, answers in found.items()
    }


def measure_seconds(results: Path, calibration: Calibration, damages: Sequence[str], images: int) -> None:
    """Print CPU milliseconds of an image under one family, mean over families, by each way to measure a query."""
    limits = calibration.limits(Promise(LEVEL))
    tables = [read_tables(sorted((results / "images" / source).glob("*.parquet")), "images") for source in SOURCES]
    asked = pd.concat([table.head(images) for table in tables], ignore_index=True)
    rows = []
    for damage, orientations in itertools.product(damages, ("stored", "search")):
        damaged, histories = damaged_tables(asked, DAMAGE[damage])
        spent = dict.fromkeys(("every metric", "metrics of the calibration", "and early stops"), 0.0)
        for name in AUTOENCODERS:
            autoencoder = load_autoencoder(f"demo/models/{name}", "float32", CPU)
            settings = ReconstructionSettings(0, name, "mode", "crop", None, 12, orientations=orientations)
            functions = {metric: LOSSES[metric] for metric in DEFAULT_METRICS if metric not in OBSERVED}
            observed = [metric for metric in DEFAULT_METRICS if metric in OBSERVED]
            for way in spent:
                began = time.process_time()
                if way == "every metric":
                    reconstruct_shard(damaged, autoencoder, functions, settings, CPU)
                    observe_shard(damaged, histories, autoencoder, observed, settings, Costs(CPU))
                else:
                    known = limits[name] if way == "and early stops" else None
                    observe_shard(damaged, histories, autoencoder, METRICS, settings, Costs(CPU), limits=known)
                spent[way] += time.process_time() - began
        rows.append([damage, orientations, *(1000 * each / len(asked) / len(AUTOENCODERS) for each in spent.values())])
    print(f"\nCPU ms an image and family, {len(asked)} images:\n")
    print(tabulate(rows, ["", "orientations", *spent], "github", floatfmt=".1f"))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--calibration", type=Path, required=True)
    parser.add_argument("--seconds", type=Path, metavar="RESULTS")
    parser.add_argument("--images", type=int, default=4, help="of each source, for --seconds")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    measured = [damage for damage in DAMAGE if all((folder / damage).exists() for folder in arguments.folders)]
    score(arguments.folders, arguments.calibration, [damage for damage in measured if "searched" not in damage])
    if arguments.seconds is not None:
        calibration = calibration_of(arguments.calibration)
        measure_seconds(arguments.seconds, calibration, ("untouched", "jpeg-75"), arguments.images)


if __name__ == "__main__":
    main()
