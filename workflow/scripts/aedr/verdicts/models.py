"""The second stage's verdicts: which model of a family made an image, if its autoencoder decoded it.

The same questions as about autoencoders (`aedr.verdicts.decision`), asked about models: could the image be one of the
model's own, and could an image of another source of the family come as near to it?
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from aedr.denoisers.signals import SCORES, fit_bias, margins
from aedr.scoring.signals import HELD_OUT
from aedr.study.sources import original_id
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, SEVERAL, Reference, Verdict, decide, weigh
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
    """The images of one family that its models' denoisers were asked about, and the score that compares them.

    `images` has `image_id`, `source`, `group` and `split`; `errors` has a row for each, and columns of `models` and
    levels, averaged over noises. `is_closed`: one of these models is known to have made every image of the family.
    Otherwise an image is compared with those of each model as if that model were not in the study.
    """

    name: str
    models: tuple[str, ...]
    score: str
    images: pd.DataFrame
    errors: Values
    is_closed: bool = False

    @cached_property
    def bias(self) -> Values:
        """Each model's bias, fitted on its images of the part `fitting`."""
        source = self.images["source"].to_numpy()
        used = (self.images["split"] != HELD_OUT).to_numpy() & np.isin(source, self.models)
        made_by = np.array([self.models.index(name) for name in source[used]], dtype=np.int64)
        return fit_bias(SCORES[self.score](self.errors[used]), made_by)

    def signals(self, errors: Values) -> Values:
        """Return the signals of images, small for the model that made them, from their errors as here."""
        return margins(SCORES[self.score](errors) - self.bias)

    def without(self, model: str) -> "Family":
        """Return the family as if a model were not in the study: neither asked nor a source of its images."""
        kept = self.columns(model)
        of_others = (self.images["source"] != model).to_numpy()
        return replace(
            self,
            models=tuple(self.models[at] for at in kept),
            images=self.images[of_others],
            errors=self.errors[of_others][:, kept],
        )

    def columns(self, without: str) -> list[int]:
        """Return the columns of all models but one."""
        return [at for at, name in enumerate(self.models) if name != without]

    @cached_property
    def own_signals(self) -> pd.DataFrame:
        """The signals of held-out images, one of each group: a row for each image, a column for each model."""
        is_held_out = (self.images["split"] == HELD_OUT).to_numpy()
        return self._one_of_each_group(self.signals(self.errors)[is_held_out], self.images[is_held_out])

    @cached_property
    def strange_signals(self) -> dict[str, pd.DataFrame]:
        """The signals of each source's images if its model is not in the study: nothing was fitted on them then.

        Between two models nothing is left to compare, so an image is as near to the other as can be.
        """
        found = {}
        for source in sorted(set(self.images["source"])):
            kept = self.columns(source)
            of_source = (self.images["source"] == source).to_numpy()
            asked = self.without(source) if source in self.models else self
            errors = self.errors[of_source][:, kept]
            values = asked.signals(errors) if len(kept) > 1 else np.full((len(errors), len(kept)), -np.inf)
            found[str(source)] = asked._one_of_each_group(values, self.images[of_source]).drop(columns="source")
        return found

    def _one_of_each_group(self, values: Values, images: pd.DataFrame) -> pd.DataFrame:
        rows = pd.DataFrame(values, columns=list(self.models), index=images["image_id"].to_numpy())
        rows = rows.assign(source=images["source"].to_numpy())
        return rows[~images.duplicated(["source", "group"]).to_numpy()]

    def reference(self, promise: Promise, but: str | None = None) -> Reference:
        """Return what images are compared with, without the image `but`.

        If the family is closed, these are own images alone: a model is named wrongly only if the image is too far for
        the one that made it, which happens with at most the level.
        """
        own = self.own_signals[self.own_signals.index != but]
        strange = {} if self.is_closed else self.strange_signals
        return Reference(
            self.score,
            promise,
            {model: own.loc[own["source"] == model, model].to_numpy() for model in self.models},
            {source: rows[rows.index != but] for source, rows in strange.items()},
            {},
            {},
        )


def warnings_of(family: Family, promise: Promise) -> list[str]:
    """Return why a family's verdicts can name few models, or none."""
    if family.is_closed:
        return []
    if len(family.models) < 3:
        return [
            f"{family.name}: between two models nothing can be named, because nothing is left to compare if one is "
            "left out. Add a model, or set second_stage.closed if one of these made every image."
        ]
    # Each of the others has its turn among the nearest images.
    others = len(family.models) - 1
    fewest = min(len(rows) for rows in family.strange_signals.values())
    if promise.p_value(others, fewest) <= promise.level:
        return []
    return [
        f"{family.name}: {fewest} images of each of {len(family.models)} models are too few to name one at level "
        f"{promise}. Raise images_per_source."
    ]


def decide_model(reference: Reference, signals: Mapping[str, float], obstacle: str | None = None) -> Verdict:
    """Return the verdict on an image of the family, given its signal under each model; answers are those of `MODEL`.

    Args:
        obstacle: why *none of these models* would mean nothing; None if nothing is known.
    """
    owners = {source: reference.owners(source) for source in reference.others}
    verdict = decide(weigh(reference, signals), reference.promise.level, owners, obstacle)
    return Verdict(ANSWERS[verdict.verdict], verdict.autoencoders, verdict.reason, verdict.evidence)


def families_of(
    rows: pd.DataFrame, models: Mapping[str, Sequence[str]], score: str, is_closed: bool
) -> dict[str, Family]:
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
        images = images[["image_id", "source", "group", "split"]]
        found[name] = Family(name, tuple(asked), score, images, errors, is_closed)
    return found


def signal_rows(family: Family, errors: pd.DataFrame, promise: Promise) -> pd.DataFrame:
    """Return a family's rows of the table model_signals: every score of each image and model, and the family's signal.

    Held-out images have the signal's p-value, by the held-out images without them.

    Args:
        errors: rows of the denoising table, which say why an image has no errors.
    """
    images, signals = family.images, family.signals(family.errors)
    repeated = {name: images[name].repeat(len(family.models)).to_numpy() for name in ("image_id", "source", "split")}
    known = pd.DataFrame(
        {
            **repeated,
            "model": list(family.models) * len(images),
            **{name: score(family.errors).ravel() for name, score in SCORES.items()},
            "margin": signals.ravel(),
            "p_value": _p_values(family, signals, promise).ravel(),
        }
    )
    without = errors[errors["error"].isna()][["image_id", "source", "model", "reason"]]
    return pd.concat([known, without], ignore_index=True).assign(family=family.name)


def _p_values(family: Family, signals: Values, promise: Promise) -> Values:
    values = np.full(signals.shape, np.nan)
    held_out = np.flatnonzero(family.images["split"] == HELD_OUT)
    ids = family.images["image_id"].iloc[held_out]
    for column, model in enumerate(family.models):
        own = family.own_signals[family.own_signals["source"] == model]
        ordered = np.sort(own[model].to_numpy())
        # No image is compared with itself.
        itself = ids.isin(own.index).to_numpy()
        larger = len(own) - np.searchsorted(ordered, signals[held_out, column]) - itself
        values[held_out, column] = [
            promise.p_value(1 + int(rank), int(images)) for rank, images in zip(larger, len(own) - itself, strict=True)
        ]
    return values
