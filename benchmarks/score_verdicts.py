"""Count how often verdicts are right: on images made afresh, on photographs never seen, and with a model left out.

python benchmarks/score_verdicts.py STUDY FRESH, folders of results; `make demo-verdicts` makes and names them. The
verdicts are those of `snakemake attribute` with the study's calibration. FRESH is a run with other seeds, prompts and
photographs than STUDY, under the same autoencoders.
"""

import sys
from pathlib import Path

import pandas as pd
from scipy.stats import kstest

from aedr.attribution import attribute
from aedr.calibration_files import read_calibration
from aedr.tables import read_tables
from aedr.verdicts import CANNOT_SAY, FAMILY, NONE, SEVERAL

LEVEL = 0.05


def verdicts_of(study: Path, fresh: Path, asked: list[str]) -> pd.DataFrame:
    """Return the verdicts on every fresh image by the autoencoders `asked`, with each image's source."""
    description, reference = read_calibration(study / "calibration.parquet")
    images = read_tables(sorted(fresh.glob("images/*/*.parquet")), "images")
    losses = read_tables(
        [path for name in asked for path in sorted(fresh.glob(f"losses/{name}/*/*.parquet"))], "losses"
    )
    homogeneity = read_tables(sorted(fresh.glob("homogeneity/*/*.parquet")), "homogeneity")
    verdicts = attribute(images, losses, homogeneity, description, reference, {name: name for name in asked}, LEVEL)
    return verdicts.merge(images[["image_id", "source"]], on="image_id")


def count(verdicts: pd.DataFrame) -> dict[str, object]:
    """Return the shares of answers; an answer is right where it names the source's own autoencoder alone."""
    right = [
        row.verdict == FAMILY and row.autoencoders[0] == row.source
        for row in verdicts[["verdict", "autoencoders", "source"]].itertuples()
    ]
    shares = {
        "images": len(verdicts),
        "right family": sum(right),
        "wrong family": (verdicts["verdict"] == FAMILY).sum() - sum(right),
        SEVERAL: (verdicts["verdict"] == SEVERAL).sum(),
        NONE: (verdicts["verdict"] == NONE).sum(),
        CANNOT_SAY: (verdicts["verdict"] == CANNOT_SAY).sum(),
    }
    return {name: str(value) for name, value in shares.items()}


def main(study: Path, fresh: Path) -> None:
    autoencoders = list(dict.fromkeys(read_calibration(study / "calibration.parquet")[1]["autoencoder"]))
    verdicts = verdicts_of(study, fresh, autoencoders)
    photographs = ~verdicts["source"].isin(autoencoders)
    rows = {
        "fresh images of the models": count(verdicts[~photographs]),
        "photographs never seen": count(verdicts[photographs]),
    }
    left_out = []
    for name in autoencoders:
        asked = [other for other in autoencoders if other != name]
        left_out.append(verdicts_of(study, fresh, asked).query("source == @name"))
    rows["fresh images, their model left out"] = count(pd.concat(left_out))
    table = pd.DataFrame(rows).T
    print("| asked about | " + " | ".join(table.columns) + " |\n|" + "---|" * (len(table.columns) + 1))
    for name, row in table.iterrows():
        print(f"| {name} | " + " | ".join(row) + " |")

    print("\np-values of fresh images under their own autoencoder (uniform where all is well):\n")
    print(
        "| autoencoder | images | mean | at most .05 | at most .25 | Kolmogorov-Smirnov p |\n|---|---|---|---|---|---|"
    )
    for name in autoencoders:
        evidence = verdicts.loc[verdicts["source"] == name, "evidence"]
        own = pd.Series([e["p_value"] for row in evidence for e in row if e["autoencoder"] == name])
        figures = [own.mean(), (own <= 0.05).mean(), (own <= 0.25).mean(), kstest(own, "uniform").pvalue]
        print(f"| {name} | {len(own)} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")
    given = verdicts.loc[photographs, "verdict"].isin([FAMILY, SEVERAL]).mean()
    print(f"\nPhotographs given to any of {len(autoencoders)} autoencoders at level {LEVEL}: {given:.3f}")


if __name__ == "__main__":
    main(*[Path(argument) for argument in sys.argv[1:]])
