"""Count how often verdicts are right where the images asked about show other contents than the calibration.

python benchmarks/demo/score_contents.py STUDY CONTROL CONTENTS, folders of results; `make demo-contents` makes and
names them. STUDY has generated images, CONTROL decodings of six photographs, CONTENTS decodings of twelve others, all
by the same autoencoders. Each autoencoder is calibrated in one folder and asked about its own images and the
photographs in another. Every share has its standard error by photograph: crops of one are not independent.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aedr.scoring.methods import PUBLISHED, view_name
from aedr.scoring.signals import compute_all_signals
from aedr.study.sources import QUERY, RESTORED
from aedr.tables.files import read_table, read_tables
from aedr.verdicts.attribution import attribute
from aedr.verdicts.calibration import Calibration
from aedr.verdicts.calibration_file import describe_calibration, reference_rows
from aedr.verdicts.promise import Promise

LEVEL, HELD_OUT = 0.05, 0.5
PHOTOGRAPHS = "photographs"
ASKED_BY = [
    ("high_frequency", "residual"),
    ("mid_frequency", "residual"),
    ("high_frequency", "loss_ratio"),
    ("high_frequency", "power_ratio"),
    PUBLISHED,
]

# Shares of pairs of an image and an autoencoder, in percent.
HEAD = [
    "calibrated on; asked about",
    "signal",
    "own images denied, if alike",
    "own images denied",
    "own images denied, homogeneity known",
    "own images named",
    "images of others named",
    "photographs named by any",
    "photographs denied",
    "photographs denied, homogeneity known",
]


@dataclass(frozen=True)
class Measured:
    """The images, losses and homogeneity tables of some images, and the table of the autoencoders."""

    images: pd.DataFrame
    losses: pd.DataFrame
    homogeneity: pd.DataFrame
    autoencoders: pd.DataFrame

    def where(self, chosen: Callable[[str], bool]) -> "Measured":
        """Return the part of the images whose ids are chosen."""
        images, losses, homogeneity = (
            rows[rows["image_id"].map(chosen)] for rows in (self.images, self.losses, self.homogeneity)
        )
        return Measured(images, losses, homogeneity, self.autoencoders)


def read_measured(results: Path) -> Measured:
    """Return what a study measured, without the images that it was asked to attribute."""
    images, losses, homogeneity = (
        rows[~rows["source"].isin([QUERY, RESTORED])]
        for rows in (
            read_tables(sorted(results.glob(f"{name}/{pattern}.parquet")), name)
            for name, pattern in (("images", "*/*"), ("losses", "*/*/*"), ("homogeneity", "*/*"))
        )
    )
    return Measured(images, losses, homogeneity, read_table(results / "autoencoders.parquet", "autoencoders"))


def calibrations(measured: Measured) -> Iterator[tuple[str, Calibration]]:
    """Yield the calibration by each of ASKED_BY on measured images, with its name."""
    names = [str(name) for name in measured.autoencoders["autoencoder"]]
    own = {name: {name} for name in names}
    signals, fitted = compute_all_signals(measured.losses, measured.homogeneity, own, HELD_OUT)
    settings = {name: {"off_grid": "crop"} for name in names}
    for metric, signal in ASKED_BY:
        description = describe_calibration(measured.autoencoders, fitted, [metric], signal, [PHOTOGRAPHS], settings, {})
        rows = reference_rows(signals, metric, signal, [PHOTOGRAPHS])
        yield view_name(metric, signal), Calibration(description, rows, dict(zip(names, names, strict=True)))


def ask(calibration: Calibration, asked: Measured, photograph_of: Callable[[str], str]) -> pd.DataFrame:
    """Return a row for each own image and photograph asked about, and each autoencoder: was it denied, was it named?

    Its homogeneity is known if it lies in the range of the autoencoder's own images. `promised` is the share of own
    images that is denied where they are like the calibration's: with few of those, the p-value cannot come as near to
    LEVEL as one likes.
    """
    images = asked.images[asked.images["source"].isin([PHOTOGRAPHS, *calibration.families])]
    reference = calibration.reference(Promise(LEVEL))
    verdicts = attribute(images, asked.losses, asked.homogeneity, calibration, reference)
    texture = asked.homogeneity.set_index("image_id")["homogeneity"]
    rows = []
    for verdict, source in zip(verdicts.itertuples(), images["source"], strict=True):
        for evidence in verdict.evidence:
            name = evidence["autoencoder"]
            ranks = len(reference.own[name]) + 1
            roughest, smoothest = reference.textures[name]
            known = roughest <= texture[verdict.image_id] <= smoothest
            denied = evidence["p_value"] <= LEVEL
            rows.append(
                {
                    "image_id": verdict.image_id,
                    "source": source,
                    "photograph": photograph_of(str(verdict.image_id)),
                    "own": source == name,
                    "denied": denied,
                    "denied and known": denied and known,
                    "promised": np.floor(LEVEL * ranks) / ranks,
                    "named": name in verdict.autoencoders,
                }
            )
    return pd.DataFrame(rows)


def share(rows: pd.DataFrame, column: str) -> str:
    """Return a share in percent, with its standard error by photograph."""
    shares = rows.groupby("photograph")[column].mean()
    return f"{100 * shares.mean():.1f} ± {100 * shares.std() / len(shares) ** 0.5:.1f}"


def summarise(answers: pd.DataFrame) -> list[str]:
    """Return the cells of a row of the table, see HEAD."""
    own, real = answers[answers["own"]], answers[answers["source"] == PHOTOGRAPHS]
    other = answers[~answers["own"] & (answers["source"] != PHOTOGRAPHS)]
    asked = real.groupby(["calibration", "image_id"])["named"].any()
    by_calibration = asked.groupby("calibration").agg(["sum", "size"])
    worst = ", at most {} of {} by one".format(*by_calibration.max()) if len(by_calibration) > 1 else ""
    return [
        f"{100 * own['promised'].mean():.1f}",
        share(own, "denied"),
        share(own, "denied and known"),
        share(own, "named"),
        share(other, "named") if len(other) else "",
        f"{asked.sum()} of {len(asked)}{worst}",
        share(real, "denied"),
        share(real, "denied and known"),
    ]


def show(tables: Mapping[tuple[str, str], list[str]]) -> None:
    """Print the cells of each calibration and signal."""
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for (contents, signal), cells in tables.items():
        print("| " + " | ".join([contents, signal, *cells]) + " |")


def crop_of(image_id: str) -> str:
    """Return the photograph that an image of the demo is a crop of."""
    return Path(image_id).stem.rpartition("_")[0]


def main(study: Path, control: Path, contents: Path) -> None:
    generated, six, twelve = (read_measured(folder) for folder in (study, control, contents))
    tables = {}
    for shown, known, asked in (
        ("six photographs; twelve others", six, twelve),
        ("twelve photographs; six others", twelve, six),
        ("generated images; twelve photographs", generated, twelve),
        ("generated images; six photographs", generated, six),
    ):
        for name, calibration in calibrations(known):
            answers = ask(calibration, asked, crop_of).assign(calibration=shown)
            tables[shown, name] = summarise(answers)
    show(tables)


if __name__ == "__main__":
    main(*[Path(argument) for argument in sys.argv[1:]])
