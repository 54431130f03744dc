"""Count how often verdicts are right: on images made afresh, on photographs never seen, resized, with a model left out.

python benchmarks/demo/score_verdicts.py STUDY FRESH, folders of results; `make demo-verdicts` makes and names them. The
verdicts are those of `snakemake attribute` with the study's calibration. FRESH is a run with other seeds, prompts and
photographs than STUDY, under the same autoencoders. STUDY has also attributed what `resize_images.py` wrote.
"""

import sys
from pathlib import Path

import pandas as pd
from scipy.stats import ks_2samp

from aedr.study.sources import QUERY, RESTORED
from aedr.tables.files import read_tables
from aedr.verdicts.attribution import attribute
from aedr.verdicts.calibration_file import read_calibration
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, SEVERAL

LEVEL = 0.05


def verdicts_of(study: Path, results: Path, asked: list[str], sources: str = "*") -> pd.DataFrame:
    """Return the verdicts on images by the autoencoders `asked`, with each image's source.

    Args:
        results: the folder that holds the images' tables.
        sources: pattern of the names of the images' sources.
    """
    calibration = read_calibration(study / "calibration.parquet").asking({name: name for name in asked})
    images = read_tables(sorted(results.glob(f"images/{sources}/*.parquet")), "images")
    images = images[images["source"] != RESTORED]
    losses = read_tables(
        [path for name in asked for path in sorted(results.glob(f"losses/{name}/{sources}/*.parquet"))], "losses"
    )
    homogeneity = read_tables(sorted(results.glob(f"homogeneity/{sources}/*.parquet")), "homogeneity")
    verdicts = attribute(images, losses, homogeneity, calibration, LEVEL)
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
    calibration = read_calibration(study / "calibration.parquet")
    autoencoders = list(calibration.families)
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
    for how, sources in {"as they are": QUERY, "their size restored": f"{QUERY}*"}.items():
        resized = verdicts_of(study, study, autoencoders, sources)
        # query/KIND/SOURCE/NAME
        parts = resized["image_id"].str.split("/")
        resized = resized.assign(kind=parts.str[1], source=parts.str[2])
        for kind, images in resized.groupby("kind"):
            if kind == "smooth" and sources == QUERY:
                rows["smooth pictures"] = count(images)
            elif kind != "smooth":
                made = images["source"].isin(autoencoders)
                rows[f"fresh images {kind}, {how}"] = count(images[made])
                rows[f"photographs {kind}, {how}"] = count(images[~made])
    table = pd.DataFrame(rows).T
    print("| asked about | " + " | ".join(table.columns) + " |\n|" + "---|" * (len(table.columns) + 1))
    for name, row in table.iterrows():
        print(f"| {name} | " + " | ".join(row) + " |")

    # All fresh images are ranked among the same reference images, so their p-values are not independent: the two
    # samples are compared, in place of the p-values with a uniform distribution.
    print("\nFresh images under their own autoencoder; p-values, and whether their signals are like the reference's:\n")
    print(
        "| autoencoder | images | reference | mean p | at most .05 | at most .25 | two-sample Kolmogorov-Smirnov |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name in autoencoders:
        evidence = verdicts.loc[verdicts["source"] == name, "evidence"]
        own = pd.DataFrame([e for row in evidence for e in row if e["autoencoder"] == name])
        known, p_values = calibration.reference.own[name], own["p_value"]
        figures = [p_values.mean(), (p_values <= 0.05).mean(), (p_values <= 0.25).mean()]
        figures.append(ks_2samp(own["signal"], known).pvalue)
        shown = " | ".join(f"{figure:.3f}" for figure in figures)
        print(f"| {name} | {len(own)} | {len(known)} | {shown} |")
    given = verdicts.loc[photographs, "verdict"].isin([FAMILY, SEVERAL]).mean()
    print(f"\nPhotographs given to any of {len(autoencoders)} autoencoders at level {LEVEL}: {given:.3f}")


if __name__ == "__main__":
    main(*[Path(argument) for argument in sys.argv[1:]])
