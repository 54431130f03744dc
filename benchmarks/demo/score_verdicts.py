"""Count how often verdicts are right, over several calibrations and several sets of images made afresh.

    python benchmarks/demo/score_verdicts.py --studies STUDY ... --fresh FRESH ... [--wrong STUDY]

All are folders of results; `make demo-verdicts` makes and names them. The verdicts are those of `snakemake attribute`
with each study's calibration. A fresh set is a run with another seed, other prompts and other photographs, under the
same autoencoders. The study named by --wrong has one more model than the first, `made-elsewhere`, whose folder holds
photographs.

Cells are "median (lowest-highest)" over all pairs of a study and a fresh set.
"""

import argparse
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from aedr.study.sources import RESTORED
from aedr.tables.files import read_tables
from aedr.verdicts.attribution import attribute
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.calibration_file import read_calibration
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, REAL, SEVERAL, Reference
from aedr.verdicts.promise import Promise

PROMISE = Promise(0.05)
WRONG = "made-elsewhere"


def calibration_of(study: Path) -> Calibration:
    """Return a study's calibration, asked about all its families."""
    return read_calibration(study / "calibration.parquet")


def verdicts_of(calibration: Calibration, reference: Reference, results: Path, sources: str = "*") -> pd.DataFrame:
    """Return the verdicts on images, with each image's source.

    Args:
        results: the folder that holds the images' tables.
        sources: pattern of the names of the images' sources.
    """
    images = read_tables(sorted(results.glob(f"images/{sources}/*.parquet")), "images")
    images = images[(images["source"] != RESTORED) & (images["source"] != WRONG)]
    files = [path for name in calibration.asked for path in sorted(results.glob(f"losses/{name}/{sources}/*.parquet"))]
    losses = read_tables(files, "losses")
    homogeneity = read_tables(sorted(results.glob(f"homogeneity/{sources}/*.parquet")), "homogeneity")
    verdicts = attribute(images, losses, homogeneity, calibration, reference)
    return verdicts.merge(images[["image_id", "source"]], on="image_id")


def count(verdicts: pd.DataFrame) -> dict[str, int]:
    """Return how often each answer was given; it is right where it names the source's own autoencoder alone."""
    right = [
        row.verdict == FAMILY and row.autoencoders[0] == row.source
        for row in verdicts[["verdict", "autoencoders", "source"]].itertuples()
    ]
    return {
        "images": len(verdicts),
        "right family": sum(right),
        "wrong family": int((verdicts["verdict"] == FAMILY).sum()) - sum(right),
        SEVERAL: int((verdicts["verdict"] == SEVERAL).sum()),
        NONE: int((verdicts["verdict"] == NONE).sum()),
        CANNOT_SAY: int((verdicts["verdict"] == CANNOT_SAY).sum()),
    }


def over_calibrations(counts: Sequence[dict[str, int]]) -> dict[str, str]:
    """Return the median and the range of several counts."""

    def cell(values: list[int]) -> str:
        low, high = min(values), max(values)
        return str(low) if low == high else f"{np.median(values):g} ({low}-{high})"

    return {name: cell([each[name] for each in counts]) for name in counts[0]}


def by_smallest_distance(reference: Reference, verdicts: pd.DataFrame) -> int:
    """Return how many images were given their right family alone if real images were ranked by smallest distance."""
    real = reference.others[REAL]
    nearest = np.nanmin([reference.distance(name, real[name].to_numpy()) for name in reference.own], axis=0)
    right = 0
    for row in verdicts.itertuples():
        named = [
            e["autoencoder"]
            for e in row.evidence
            if e["p_value"] > PROMISE.level
            and e["obstacle"] is None
            and PROMISE.p_value(
                1 + int((nearest <= reference.distance(e["autoencoder"], e["signal"])).sum()), len(real)
            )
            <= PROMISE.level
        ]
        right += named == [row.source]
    return right


def score_fresh(study: Path, fresh: Path) -> dict[str, dict[str, int]]:
    """Return the counts of one calibration and one fresh set."""
    calibration = calibration_of(study)
    reference = calibration.reference(PROMISE)
    verdicts = verdicts_of(calibration, reference, fresh)
    made = verdicts["source"].isin(calibration.families)
    rows = {"fresh images of the models": count(verdicts[made])}
    only_real = replace(reference, others={REAL: reference.others[REAL]})
    asked = verdicts_of(calibration, only_real, fresh)
    rows["the same, other sources not asked"] = count(asked[made])
    sure = calibration.reference(Promise(PROMISE.level, 0.95))
    if all(len(own) >= sure.promise.fewest_images for own in sure.own.values()):
        rows["the same, with a confidence of 0.95"] = count(verdicts_of(calibration, sure, fresh)[made])
    rows["photographs never seen"] = count(verdicts[~made])
    for name in calibration.families:
        calibrated = calibration.asking({other: other for other in calibration.families if other != name})
        left = calibrated.reference(PROMISE)
        # An image of a model that the study never had: its source must not be among the sources asked either.
        known = {kind: signals for kind, signals in left.others.items() if kind != name}
        for what, others in {
            "fresh images, their model unknown": known,
            "fresh images, their model unknown, other sources not asked": {REAL: known[REAL]},
        }.items():
            counted = count(verdicts_of(calibrated, replace(left, others=others), fresh).query("source == @name"))
            rows[what] = {k: v + rows.get(what, {}).get(k, 0) for k, v in counted.items()}
    return rows


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def print_weak(studies: Sequence[Path], wrong: Path, fresh: Sequence[Path]) -> None:
    """Print how many images keep their right family beside an autoencoder with a wrong folder."""
    print("\nRight family, with and without an autoencoder whose folder holds photographs:\n")
    rows = []
    for name, study in (("the first study", studies[0]), (f"the same with {WRONG}", wrong)):
        calibration = calibration_of(study)
        reference = calibration.reference(PROMISE)
        answers = [verdicts_of(calibration, reference, results) for results in fresh]
        answers = [verdicts[verdicts["source"].isin(calibration.families)] for verdicts in answers]
        smallest = [{"right": by_smallest_distance(reference, verdicts)} for verdicts in answers]
        counts = over_calibrations([count(verdicts) for verdicts in answers])
        rows.append([name, counts["images"], over_calibrations(smallest)["right"], counts["right family"]])
    print_table(["calibration", "images", "ranked by smallest distance", "as verdicts do"], rows)


def print_p_values(studies: Sequence[Path], fresh: Sequence[Path]) -> None:
    """Print, over all pairs, how fresh images rank among the own images of their autoencoder."""
    # All fresh images are ranked among the same reference images, so their p-values are not independent: the two
    # samples are compared, in place of the p-values with a uniform distribution.
    print("\nFresh images under their own autoencoder, over all pairs:\n")
    found: dict[str, list[list[float]]] = {}
    for study, results in itertools.product(studies, fresh):
        calibration = calibration_of(study)
        reference = calibration.reference(PROMISE)
        verdicts = verdicts_of(calibration, reference, results)
        for name in calibration.families:
            evidence = verdicts.loc[verdicts["source"] == name, "evidence"]
            own = pd.DataFrame([e for row in evidence for e in row if e["autoencoder"] == name])
            known = reference.own[name]
            # The chance that a fresh image is denied: floors of finite samples make it less than the level.
            expected = int(PROMISE.level * (len(known) + 1)) / (len(known) + 1)
            p_values = own["p_value"]
            figures = [len(known), len(own) * expected, (p_values <= PROMISE.level).sum()]
            found.setdefault(name, []).append([*figures, p_values.mean(), ks_2samp(own["signal"], known).pvalue])
    shows: Sequence[Callable[[float], str]] = (
        "{:.0f}".format,
        "{:.1f}".format,
        "{:.0f}".format,
        "{:.2f}".format,
        "{:.2f}".format,
    )
    rows = []
    for name, figures in found.items():
        columns = np.array(figures).T
        ranges = [(show(c.min()), show(c.max())) for show, c in zip(shows, columns, strict=True)]
        rows.append([name, *(low if low == high else f"{low}-{high}" for low, high in ranges)])
    heads = ["own reference images", "denied, expected", "denied", "mean p", "two-sample Kolmogorov-Smirnov p"]
    print_table(["autoencoder", *heads], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--studies", type=Path, nargs="+", required=True, help="calibrations")
    parser.add_argument("--fresh", type=Path, nargs="+", required=True, help="images made afresh")
    parser.add_argument("--wrong", type=Path, help="the first study with one wrong folder")
    arguments = parser.parse_args()
    scored = [score_fresh(*pair) for pair in itertools.product(arguments.studies, arguments.fresh)]
    rows = {name: over_calibrations([each[name] for each in scored]) for name in scored[0]}
    heads = list(next(iter(rows.values())))
    print_table(["asked about", *heads], [[name, *cells.values()] for name, cells in rows.items()])
    if arguments.wrong is not None:
        print_weak(arguments.studies, arguments.wrong, arguments.fresh)
    print_p_values(arguments.studies, arguments.fresh)
    for warning in calibration_of(arguments.studies[0]).reference(PROMISE).warnings:
        print(f"\n{warning}")


if __name__ == "__main__":
    main()
