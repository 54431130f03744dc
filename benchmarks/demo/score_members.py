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
# Of these, the pixels show nothing that keeps an image from being denied.
LIKE_UNTOUCHED = (UNDAMAGED, "mirrored")
NAMES = {False: "open", True: "closed"}
ANSWERS = ("right", "several, it among them", "wrong", NO_MODEL, CANNOT_SAY_WHICH)
PROMISE = Promise(0.05)


def made_by(image_id: str) -> str:
    """Return the model that made an image that is asked about, `query/MODEL/NAME`."""
    return image_id.split("/")[1]


def read_errors(files: Sequence[Path]) -> pd.DataFrame:
    """Return rows of the denoising table, with ids that images of different seeds do not share."""
    rows = pd.concat([read_table(file, "denoising").assign(seed=file.parent.name) for file in files])
    return rows.assign(image_id=rows["image_id"] + "#" + rows["seed"])


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


def by_calls(family: Family, rows: pd.DataFrame, levels: Sequence[float]) -> Iterator[list[object]]:
    """Yield accuracy by fewer noises and levels, without a bias, which other calls would need again."""
    middle = len(levels) // 2
    for chosen in (levels[middle : middle + 1], levels[1:-1], levels):
        for noises in sorted({1, 2, int(rows["noise"].max()) + 1}):
            fewer = rows[rows["level"].isin(chosen) & (rows["noise"] < noises)]
            errors, truth = arrays(fewer, family, chosen)
            found = [family.models[at] for at in SCORES[family.score](errors).argmin(1)]
            right = sum(one == made for one, made in zip(found, truth, strict=True))
            yield [len(chosen), noises, len(chosen) * noises, share(right, len(truth))]


def confusion(family: Family, errors: np.ndarray, truth: Sequence[str]) -> list[list[object]]:
    """Return how many images of each model are nearest to each."""
    counts = Counter(zip(truth, (family.models[at] for at in family.signals(errors).argmin(1)), strict=True))
    return [[model, *(counts[model, other] for other in family.models)] for model in family.models]


def strangers(family: Family, errors: np.ndarray, truth: Sequence[str]) -> Iterator[list[object]]:
    """Yield what is said of the images of each model if it is not in the study."""
    for model in family.models:
        of_model = errors[np.array(truth) == model][:, family.columns(model)]
        for is_closed in (False, True):
            found = answers(replace(family.without(model), is_closed=is_closed), of_model, None)
            counts = Counter(verdict for verdict, _ in found)
            named = sum(bool(names) for _, names in found)
            said = (named, counts[NO_MODEL], counts[CANNOT_SAY_WHICH])
            yield [model, NAMES[is_closed], *(share(count, len(found)) for count in said)]


def print_untouched(family: Family, rows: pd.DataFrame, levels: Sequence[float]) -> None:
    errors, truth = arrays(rows, family, levels)
    for score in SCORES:
        matrix = confusion(replace(family, score=score), errors, truth)
        print(tabulate(matrix, headers=[f"made by, nearest by {score}", *family.models]), "\n")
    for is_closed in (False, True):
        found = answers(replace(family, is_closed=is_closed), errors, None)
        lines = []
        for model in family.models:
            of_model = [answer for answer, made in zip(found, truth, strict=True) if made == model]
            lines.append([model, *counted(of_model, [model] * len(of_model))])
        print(tabulate(lines, headers=[f"made by, {NAMES[is_closed]}", *ANSWERS]), "\n")
    heads = ["not in the study", "", "named", NO_MODEL, CANNOT_SAY_WHICH]
    print(tabulate(list(strangers(family, errors, truth)), headers=heads), "\n")
    heads = ["levels", "noises", "calls", "nearest is right, no bias"]
    print(tabulate(list(by_calls(family, rows, levels)), headers=heads), "\n")


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
    table: list[list[object]] = []
    for damage in sorted(by_damage, key=lambda name: name != UNDAMAGED):
        rows = read_errors(by_damage[damage])
        errors, truth = arrays(rows, family, levels)
        if damage == UNDAMAGED:
            print_untouched(family, rows, levels)
        scores = [nearest(replace(family, score=score), errors, truth) for score in SCORES]
        obstacle = None if damage in LIKE_UNTOUCHED else "damaged"
        for is_closed in (False, True):
            found = answers(replace(family, is_closed=is_closed), errors, obstacle)
            table.append([damage, len(truth), NAMES[is_closed], *scores, *counted(found, truth)])
    heads = ["damage", "images", "", *(f"nearest, {score}" for score in SCORES), *ANSWERS]
    print(tabulate(table, headers=heads))
    print(f"\nVerdicts at level {PROMISE}. Of images that are not {UNTOUCHED}, {NO_MODEL} is not said.")


if __name__ == "__main__":
    main()
