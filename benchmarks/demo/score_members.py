"""Score what `measure_members.py` measured: which of the demo's models of one family is named for images of other
seeds.

    python benchmarks/demo/score_members.py CALIBRATION FOLDER ...

CALIBRATION is that of the second stage; each FOLDER holds errors of one seed, a file for each kind of damage. Images of
all seeds are counted together.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from aedr.denoisers.signals import SCORES
from aedr.observations.history import UNTOUCHED
from aedr.scoring.intervals import share_interval
from aedr.tables.files import read_table
from aedr.verdicts.model_calibration import matched_families, read_model_calibration
from aedr.verdicts.models import CANNOT_SAY_WHICH, MODEL, NO_MODEL, SEVERAL_MODELS, Family, decide_model, mean_errors
from aedr.verdicts.promise import Promise

UNDAMAGED = "untouched"
PROMISE = Promise(0.05)


def made_by(image_id: str) -> str:
    """Return the model that made an image that is asked about, `query/MODEL/NAME`."""
    return image_id.split("/")[1]


def read_errors(
    files: Sequence[Path], models: Sequence[str], levels: Sequence[float]
) -> tuple[pd.DataFrame, list[str]]:
    """Return errors, shape (images, models, levels) as rows, and the models that made these images."""
    rows = pd.concat([read_table(file, "denoising").assign(seed=file.parent.name) for file in files])
    rows["image_id"] = rows["image_id"] + "#" + rows["seed"]
    return rows, list(models)


def arrays(rows: pd.DataFrame, family: Family, levels: Sequence[float]) -> tuple[np.ndarray, list[str]]:
    """Return the errors of images, shape (images, models, levels), and the models that made them."""
    means = mean_errors(rows, levels)
    names = list(dict.fromkeys(means.index.get_level_values("image_id")))
    by_model = [means.xs(model, level="model").droplevel("source").loc[names].to_numpy() for model in family.models]
    return np.stack(by_model, axis=1), [made_by(name) for name in names]


def answers(family: Family, errors: np.ndarray, obstacle: str | None) -> list[tuple[str, tuple[str, ...]]]:
    """Return the verdict on each image, and the models that it names."""
    reference = family.reference(PROMISE)
    verdicts = [
        decide_model(reference, dict(zip(family.models, values.tolist(), strict=True)), obstacle)
        for values in family.signals(errors)
    ]
    return [(verdict.verdict, verdict.autoencoders) for verdict in verdicts]


def counted(found: list[tuple[str, tuple[str, ...]]], truth: Sequence[str]) -> list[str]:
    """Return the shares, in percent, of right, of several with the right one, of wrong and of the other answers."""
    kinds = Counter(
        verdict if verdict in (NO_MODEL, CANNOT_SAY_WHICH) else ("right" if made in names else "wrong") + verdict
        for (verdict, names), made in zip(found, truth, strict=True)
    )
    wrong = kinds["wrong" + MODEL] + kinds["wrong" + SEVERAL_MODELS]
    low, high = share_interval(wrong, len(truth))
    order = ("right" + MODEL, "right" + SEVERAL_MODELS)
    shares = [f"{100 * kinds[kind] / len(truth):.1f}" for kind in order]
    shares.append(f"{100 * wrong / len(truth):.1f} ({100 * low:.1f} to {100 * high:.1f})")
    return [*shares, *(f"{100 * kinds[kind] / len(truth):.1f}" for kind in (NO_MODEL, CANNOT_SAY_WHICH))]


def share(count: int, images: int) -> str:
    low, high = share_interval(count, images)
    return f"{100 * count / images:.1f} ({100 * low:.0f} to {100 * high:.0f})"


def nearest(family: Family, errors: np.ndarray, truth: Sequence[str]) -> str:
    found = [family.models[at] for at in family.signals(errors).argmin(1)]
    return share(sum(one == made for one, made in zip(found, truth, strict=True)), len(truth))


def by_calls(
    family: Family, rows: pd.DataFrame, reference: pd.DataFrame, levels: Sequence[float]
) -> Iterator[list[str]]:
    """Yield accuracy by fewer noises and levels, without a bias, which other calls would need again."""
    for chosen in (levels[len(levels) // 2 : len(levels) // 2 + 1], levels[1:4], levels):
        for noises in (1, 2, 5):
            fewer = rows[rows["level"].isin(chosen) & (rows["noise"] < noises)]
            errors, truth = arrays(fewer, family, chosen)
            found = [family.models[at] for at in SCORES[family.score](errors).argmin(1)]
            right = sum(one == made for one, made in zip(found, truth, strict=True))
            yield [str(len(chosen)), str(noises), str(len(chosen) * noises), share(right, len(truth))]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("calibration", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    arguments = parser.parse_args()
    description, reference = read_model_calibration(arguments.calibration)
    levels = description["settings"]["levels"]
    own = {name: {"family": name, "models": {m: m for m in models}} for name, models in description["families"].items()}
    (family,) = matched_families(reference, own, "log_error", is_closed=False).values()
    print(f"{len(family.images)} images of the calibration; models: {', '.join(family.models)}\n")
    by_damage: dict[str, list[Path]] = {}
    for folder in arguments.folders:
        for file in sorted(folder.glob("*.parquet")):
            by_damage.setdefault(file.stem, []).append(file)
    table = []
    for damage in sorted(by_damage, key=lambda name: name != UNDAMAGED):
        rows, _ = read_errors(by_damage[damage], family.models, levels)
        errors, truth = arrays(rows, family, levels)
        obstacle = None if damage in (UNDAMAGED, "mirrored") else "damaged"
        scores = [nearest(replace(family, score=score), errors, truth) for score in SCORES]
        for is_closed in (False, True):
            asked = replace(family, is_closed=is_closed)
            table.append(
                [
                    damage,
                    len(truth),
                    "closed" if is_closed else "open",
                    *scores,
                    *counted(answers(asked, errors, obstacle), truth),
                ]
            )
        if damage != UNDAMAGED:
            continue
        for score in SCORES:
            scored = replace(family, score=score)
            found = [family.models[at] for at in scored.signals(errors).argmin(1)]
            matrix = [
                [
                    model,
                    *(
                        sum(f == other and t == model for f, t in zip(found, truth, strict=True))
                        for other in family.models
                    ),
                ]
                for model in family.models
            ]
            print(tabulate(matrix, headers=[f"made by, nearest by {score}", *family.models]), "\n")
        verdicts = answers(family, errors, None)
        lines = []
        for model in family.models:
            of_model = [(v, n) for (v, n), t in zip(verdicts, truth, strict=True) if t == model]
            lines.append([model, *counted(of_model, [model] * len(of_model))])
        print(
            tabulate(
                lines, headers=["made by", "right", "several, it among them", "wrong", NO_MODEL, CANNOT_SAY_WHICH]
            ),
            "\n",
        )
        strangers = []
        for model in family.models:
            for is_closed in (False, True):
                remaining = replace(family.without(model), is_closed=is_closed)
                kept = family.columns(model)
                of_model = np.array(truth) == model
                found_of = answers(remaining, errors[of_model][:, kept], None)
                named = [name for verdict, names in found_of for name in [verdict] if names]
                counts = Counter(verdict for verdict, _ in found_of)
                strangers.append(
                    [model, "closed" if is_closed else "open", share(len(named), len(found_of)),
                     share(counts[NO_MODEL], len(found_of)), share(counts[CANNOT_SAY_WHICH], len(found_of))]
                )  # fmt: skip
        print(tabulate(strangers, headers=["not in the study", "", "named", NO_MODEL, CANNOT_SAY_WHICH]), "\n")
        calls = list(by_calls(family, rows, reference, levels))
        print(tabulate(calls, headers=["levels", "noises", "calls", "nearest is right, no bias"]), "\n")
    heads = ["damage", "images", "", *(f"nearest, {score}" for score in SCORES)]
    heads += ["right", "several, it among them", "wrong", NO_MODEL, CANNOT_SAY_WHICH]
    print(tabulate(table, headers=heads))
    print(f"\nVerdicts at level {PROMISE}. Of damaged images (not {UNTOUCHED}), none of these models is not said.")


if __name__ == "__main__":
    main()
