"""The second stage's verdicts: which model of a family made an image, if its autoencoder decoded it.

The same questions as about autoencoders (`aedr.verdicts.decision`), asked about models: could the image be one of the
model's own, and could an image of another source of the family come as near to it?
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from aedr.denoisers.signals import SIGNALS
from aedr.scoring.signals import HELD_OUT
from aedr.study.sources import original_id
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, SEVERAL, Reference, Verdict, decide, rank_from_above, weigh
from aedr.verdicts.promise import Promise

MODEL, SEVERAL_MODELS, NO_MODEL, CANNOT_SAY_WHICH = (
    "this model",
    "several of these",
    "none of these models",
    "cannot say which",
)
ANSWERS = {FAMILY: MODEL, SEVERAL: SEVERAL_MODELS, NONE: NO_MODEL, CANNOT_SAY: CANNOT_SAY_WHICH}

Values = npt.NDArray[np.float64]


def images_of_family(verdicts: pd.DataFrame, family: str, losses: pd.DataFrame) -> list[str]:
    """Return the images, or their copies at other sizes, that the first stage gives to one family and by which it does.

    Args:
        verdicts: rows of the verdicts table.
        family: its name there.
        losses: rows of the losses table under the family, of the images or of their copies.
    """
    found = {
        row.image_id: (entry["width"], entry["height"])
        for row in verdicts.itertuples()
        if row.verdict == FAMILY and list(row.autoencoders) == [family]
        for entry in row.evidence
        if entry["autoencoder"] == family
    }
    sizes = losses.dropna(subset=["width", "height"]).drop_duplicates("image_id")
    return [
        row.image_id
        for row in sizes.itertuples()
        if found.get(original_id(row.image_id)) == (int(row.width), int(row.height))
    ]


def mean_errors(errors: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
    """Return each image's errors under each model, averaged over noises: a column for each level.

    Images that have no errors are left out.

    Args:
        errors: rows of the denoising table; the index of the result is (image_id, source, model).
    """
    measured = errors.dropna(subset=["error"])
    means = measured.groupby(["image_id", "source", "model", "level"], sort=True)["error"].mean().unstack()
    return means.reindex(columns=list(levels)).dropna()


@dataclass(frozen=True)
class Family:
    """The images of one family that its models' denoisers were asked about, and the signal that compares them.

    `images` has `image_id`, `source`, `group` and `split`; `errors` has a row for each, and columns of `models` and
    levels, averaged over noises. `bias` is fitted on images of the part `fitting`: of each model, the middle between
    what its own images have on average and what those of the other models have.
    """

    name: str
    models: tuple[str, ...]
    signal: str
    images: pd.DataFrame
    errors: Values

    @property
    def fitting(self) -> npt.NDArray[np.bool_]:
        """Which images nothing but the bias is taken from."""
        return (self.images["split"] != HELD_OUT).to_numpy()

    @property
    def bias(self) -> Values:
        """Each model's bias."""
        values = SIGNALS[self.signal](self.errors[self.fitting])
        source = self.images["source"].to_numpy()[self.fitting]
        return np.array([_middle(values[:, at], source == model) for at, model in enumerate(self.models)])

    def signals(self, errors: Values) -> Values:
        """Return the signals of images, small for the model that made them, from their errors as here."""
        return SIGNALS[self.signal](errors) - self.bias

    def without(self, model: str) -> "Family":
        """Return the family as if a model were not in the study: neither asked nor a source of its images."""
        kept = [at for at, name in enumerate(self.models) if name != model]
        of_others = (self.images["source"] != model).to_numpy()
        return Family(
            self.name,
            tuple(self.models[at] for at in kept),
            self.signal,
            self.images[of_others],
            self.errors[of_others][:, kept],
        )

    def reference(self, promise: Promise, but: str | None = None) -> Reference:
        """Return what images are compared with: held-out ones, one of each group, without the image `but`."""
        held = self.images["split"].to_numpy() == HELD_OUT
        images = self.images[held]
        values = pd.DataFrame(self.signals(self.errors[held]), columns=list(self.models), index=images["image_id"])
        kept = (~images.duplicated(["source", "group"]) & (images["image_id"] != but)).to_numpy()
        values, source = values[kept], images["source"].to_numpy()[kept]
        return Reference(
            self.signal,
            promise,
            {model: values.loc[source == model, model].to_numpy() for model in self.models},
            {
                str(other): values.loc[source == other, [name for name in self.models if name != other]]
                for other in sorted(set(source))
            },
            {},
            {},
        )


def _middle(values: Values, is_own: npt.NDArray[np.bool_]) -> float:
    return float((values[is_own].mean() + values[~is_own].mean()) / 2)


def decide_model(reference: Reference, signals: Mapping[str, float], obstacle: str | None = None) -> Verdict:
    """Return the verdict on an image of the family, given its signal under each model; answers are those of `MODEL`.

    Args:
        obstacle: why *none of these models* would mean nothing; None if nothing is known.
    """
    owners = {source: reference.owners(source) for source in reference.others}
    verdict = decide(weigh(reference, signals), reference.promise.level, owners, obstacle)
    return Verdict(ANSWERS[verdict.verdict], verdict.autoencoders, verdict.reason, verdict.evidence)


def families_of(rows: pd.DataFrame, models: Mapping[str, Sequence[str]], signal: str) -> dict[str, Family]:
    """Return each family with the images that all of its models were asked about.

    Args:
        rows: of the table model_reference.
        models: those to compare, by family.
    """
    found = {}
    for name, asked in models.items():
        of_family = rows[(rows["family"] == name) & rows["model"].isin(asked)]
        by_model = of_family.pivot(index="image_id", columns="model", values="errors").dropna()
        images = of_family.drop_duplicates("image_id").set_index("image_id").loc[by_model.index].reset_index()
        errors = np.stack([np.stack(by_model[model].to_list()).astype(float) for model in asked], axis=1)
        found[name] = Family(name, tuple(asked), signal, images[["image_id", "source", "group", "split"]], errors)
    return found


def signal_rows(family: Family, errors: pd.DataFrame, promise: Promise) -> pd.DataFrame:
    """Return a family's rows of the table model_signals: every signal of each image and model, minus the model's bias.

    Held-out images have the p-value of the family's own signal, by the held-out images without them.

    Args:
        errors: rows of the denoising table, which say why an image has no errors.
    """
    images = family.images
    by_signal = {name: replace(family, signal=name).signals(family.errors) for name in SIGNALS}
    columns = {name: values.ravel() for name, values in by_signal.items()}
    known = pd.DataFrame(
        {
            "image_id": images["image_id"].repeat(len(family.models)).to_numpy(),
            "source": images["source"].repeat(len(family.models)).to_numpy(),
            "split": images["split"].repeat(len(family.models)).to_numpy(),
            "model": list(family.models) * len(images),
            **columns,
            "p_value": _p_values(family, by_signal[family.signal], promise).ravel(),
        }
    )
    without = errors[errors["error"].isna()][["image_id", "source", "model", "reason"]]
    return pd.concat([known, without], ignore_index=True).assign(family=family.name)


def _p_values(family: Family, signals: Values, promise: Promise) -> Values:
    values = np.full(signals.shape, np.nan)
    for at in np.flatnonzero(~family.fitting):
        own = family.reference(promise, but=family.images["image_id"].iloc[at]).own
        for column, model in enumerate(family.models):
            rank = rank_from_above(own[model], signals[at, column])
            values[at, column] = promise.p_value(rank, len(own[model]))
    return values
