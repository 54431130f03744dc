"""Score the rows that the authors of DNA publish with this workflow's scores, beside what they report.

    PYTHONPATH=workflow/scripts python benchmarks/reference/published_denoising.py DNA_SD1_results.csv

The file lies in examples/ of github.com/wangchao0708/DNA (MIT): errors of 50 images of SD 1.1 to 1.5, by 30 noises at
25 times. They report .94 without a bias and .98 with one, selected on other images.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from aedr.denoisers.signals import SCORES, fit_bias, margins

PUBLISHED_BIAS = np.array([0.0, 1.238396, 1.182738, 1.161866, 1.113165])


def read_errors(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return errors averaged over noises, shape (images, models, levels), and the column of each image's model."""
    rows = pd.read_csv(path)
    levels = [column for column in rows if column.startswith("mse_t")]
    means = rows.groupby(["source", "img_idx", "model"])[levels].mean()
    models = sorted(rows["model"].unique())
    by_model = [means.xs(model, level="model") for model in models]
    made_by = np.array([models.index(source) for source, _ in by_model[0].index])
    return np.stack([of_model.to_numpy() for of_model in by_model], axis=1), made_by


def left_out(scores: np.ndarray, made_by: np.ndarray) -> float:
    """Return the accuracy with a bias fitted on all other images, image by image."""
    right = [
        (scores[at] - fit_bias(np.delete(scores, at, 0), np.delete(made_by, at))).argmin() == made_by[at]
        for at in range(len(scores))
    ]
    return float(np.mean(right))


def area(signals: np.ndarray, made_by: np.ndarray) -> float:
    """Return the mean over models of the area under the ROC curve of their own images against the others'."""
    areas = [
        (signals[made_by == model, model][:, None] < signals[made_by != model, model]).mean()
        for model in range(signals.shape[1])
    ]
    return float(np.mean(areas))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("rows", type=Path)
    errors, made_by = read_errors(parser.parse_args().rows)
    table = []
    for name, score in SCORES.items():
        scores = score(errors)
        published = (scores - PUBLISHED_BIAS).argmin(1) if name == "z_score" else None
        table.append(
            [
                name,
                (scores.argmin(1) == made_by).mean(),
                None if published is None else (published == made_by).mean(),
                left_out(scores, made_by),
                area(margins(scores), made_by),
            ]
        )
    heads = ["score", "no bias", "published bias", "bias fitted on the other 49", "area of the margin, no bias"]
    print(tabulate(table, headers=heads, floatfmt=".3f"))


if __name__ == "__main__":
    main()
