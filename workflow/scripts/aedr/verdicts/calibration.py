"""The calibration that a verdict asks: the reference images of the families asked, and their signals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from aedr.errors import UserError
from aedr.reconstruction.limits import Limit
from aedr.scoring.methods import SIGNAL_NAMES
from aedr.scoring.signals import FittedParameters, add_signals
from aedr.seeds import seed_of
from aedr.study.metrics import REFINED
from aedr.verdicts.decision import REAL, Reference, name_kind
from aedr.verdicts.promise import Promise
from aedr.verdicts.resizes import Size, common_sizes

# By docs/accuracy.md, AEDR as published gave a real autoencoder more photographs than promised, and the first loss
# alone hardly tells autoencoders apart that decoded the same contents.
UNSAFE_SIGNALS = ("calibrated_ratio", "first_loss")
# The signal that a first loss alone bounds from below.
BOUNDED = "capped_ratio"


@dataclass(frozen=True)
class Calibration:
    """What a study exports, limited to the families of autoencoders that are asked.

    `description` is the metadata of the calibration's file (`workflow/schemas/calibration.schema.yaml`), `rows` its
    reference table. `asked` maps the name of each family here to its name in the calibration. `by_second`: images are
    compared by the second metric, which must not contradict the first.
    """

    description: Mapping[str, Any]
    rows: pd.DataFrame
    asked: Mapping[str, str]
    by_second: bool = False

    def asking(self, families: Mapping[str, str]) -> "Calibration":
        """Return the same calibration asked about other families, given as in `asked`."""
        return replace(self, asked=families)

    @property
    def metric(self) -> str:
        """The metric of the losses that signals are computed from."""
        return str(self.description["second_metric" if self.by_second else "metric"])

    @property
    def second(self) -> "Calibration | None":
        """The same calibration by its second metric, if it has one."""
        has_second = self.description.get("second_metric") is not None and not self.by_second
        return replace(self, by_second=True) if has_second else None

    @property
    def signal(self) -> str:
        """The signal that images are compared by."""
        return str(self.description["signal"])

    @property
    def families(self) -> dict[str, Mapping[str, Any]]:
        """What the calibration says about each family that is asked, by its name in the calibration."""
        return {name: self.description["families"][name] for name in self.asked.values()}

    @property
    def metrics(self) -> list[str]:
        """The metrics that verdicts need."""
        return [by.metric for by in (self, self.second) if by is not None]

    @property
    def sizes(self) -> dict[str, set[Size]]:
        """The common (width, height) of each family's own images."""
        return {name: common_sizes(images) for name, images in self._own().items()}

    def limits(self, promise: Promise) -> dict[str, dict[str, Limit]]:
        """Return, for each family and metric, the limit beyond which an image is farther than every own image.

        An image beyond it by all metrics has the p-values that it would have if it were measured to the end, the
        smallest ones, and no verdict depends on anything else of it. Families have none by other signals, by metrics
        that do not refine, or where so few own images are known that the smallest p-value denies nothing.
        """
        every = [by for by in (self, self.second) if by is not None]
        if self.signal != BOUNDED or not all(by.metric in REFINED for by in every):
            return {}
        reference = self.reference(promise)
        references = [one for one in (reference, reference.second) if one is not None]
        limits = {by.metric: by._limits() for by in every}
        return {
            name: {metric: of_families[name] for metric, of_families in limits.items()}
            for name in self.families
            if all(len(one.own[name]) >= promise.fewest_images for one in references)
        }

    def _limits(self) -> dict[str, Limit]:
        """Return each family's limit by the metric, from all own images, of which a reference may hold only some."""
        return {
            name: Limit(self._parameters(name).cap, float(images["value"].max()))
            for name, images in self._own().items()
        }

    def reference(self, promise: Promise) -> Reference:
        """Return the reference signals of the families that are asked, for verdicts that keep a promise.

        Images of one group, such as crops of one photograph, are alike, so a new photograph is not exchangeable with
        all of them: one image of each group is taken, or every image if there are too few groups for the promise.
        """
        own_rows = self._own()
        own = {name: _drawn(images, f"own images of {name}", promise) for name, images in own_rows.items()}
        others = {kind: _drawn(images, name_kind(kind), promise) for kind, images in self._others().items()}
        left_out = [kind for kind, drawn in others.items() if kind != REAL and drawn.images < promise.fewest_images]
        warnings = [drawn.warning for drawn in (*own.values(), *others.values()) if drawn.warning is not None]
        warnings += [
            f"Nothing is promised about images like those of {kind}: there are {others[kind].images}, and level "
            f"{promise} needs {promise.fewest_images}."
            for kind in left_out
        ]
        if REAL not in others:
            warnings.append("The study has no real images: nothing is promised about photographs.")
        if self.signal in UNSAFE_SIGNALS:
            warnings.append(
                f"The signal is {SIGNAL_NAMES[self.signal]}, which is less safe than others where contents differ from "
                "the study's (docs/accuracy.md)."
            )
        unmeasured = {
            kind: families for kind, families in self._unmeasured().items() if kind not in left_out and families
        }
        warnings += self._merged(unmeasured, promise)
        tables = {
            kind: drawn.rows.pivot(index="image_id", columns="autoencoder", values="value")
            for kind, drawn in others.items()
            if kind not in left_out
        }
        return Reference(
            self.signal,
            promise,
            {name: drawn.rows["value"].to_numpy() for name, drawn in own.items()},
            {kind: table[[name for name in own if name in table]] for kind, table in tables.items()},
            {name: (images["homogeneity"].min(), images["homogeneity"].max()) for name, images in own_rows.items()},
            self.sizes,
            tuple(warnings),
            self.second.reference(promise) if self.second is not None else None,
            unmeasured,
        )

    def _own(self) -> dict[str, pd.DataFrame]:
        """Return the rows of each asked family's own images."""
        rows = self.rows[self.rows["belonging"] & (self.rows["metric"] == self.metric)]
        return {name: rows[rows["autoencoder"] == name] for name in self.families}

    def _others(self) -> dict[str, pd.DataFrame]:
        """Return the rows of the real images, and of each other source, under the families that are asked."""
        is_asked = self.rows["autoencoder"].isin(self.families) & (self.rows["metric"] == self.metric)
        rows = self.rows[~self.rows["belonging"] & is_asked]
        kinds = rows["source"].where(~rows["source"].isin(self.description["real_sources"]), REAL)
        return {str(kind): of_kind for kind, of_kind in rows.groupby(kinds, sort=True)}

    def _unmeasured(self) -> dict[str, frozenset[str]]:
        """Return, for each source that is not real, the families asked that its images were not measured under."""
        rows = self.rows[self.rows["autoencoder"].isin(self.families) & (self.rows["metric"] == self.metric)]
        rows = rows[~rows["source"].isin(self.description["real_sources"])]
        return {
            str(source): frozenset(self.families) - set(of_source["autoencoder"])
            for source, of_source in rows.groupby("source")
        }

    def _merged(self, unmeasured: Mapping[str, frozenset[str]], promise: Promise) -> list[str]:
        """Return what verdicts do not promise because no study measured it."""
        own = self.rows[self.rows["belonging"] & self.rows["autoencoder"].isin(self.families)]
        decoded = set(own["source"])
        warnings = [
            f"Images of {source} were not measured under {', '.join(sorted(families))}: nothing is promised about "
            "giving them to these."
            for source, families in unmeasured.items()
            if source not in decoded
        ]
        if decoded & set(unmeasured):
            warnings.append(
                f"The calibration was merged from several studies. An image of a source of one is given to a wrong "
                f"autoencoder of that study with a chance of at most {promise}, and to those of other studies, under "
                "which it was not measured, with the same chance again."
            )
        return warnings

    def signals(self, losses: pd.DataFrame, homogeneity: pd.DataFrame) -> pd.DataFrame:
        """Return the losses of the metric with every signal, under the calibration's names of families.

        Rows without a second loss, because the image is beyond the family's limit, are `bounded`: their signal is the
        least that it can be.

        Args:
            losses: rows of the losses table, of the families that are asked.
            homogeneity: rows of the homogeneity table for the same images.

        Raises:
            UserError: a second loss is missing although the image is not beyond the limit.
        """
        measured = losses[losses["metric"] == self.metric].merge(
            homogeneity[["image_id", "homogeneity"]], on="image_id", validate="many_to_one"
        )
        limits = self._limits()
        return pd.concat(
            [
                self._with_signals(rows, self.asked[name], limits).assign(autoencoder=self.asked[name])
                for name, rows in measured.groupby("autoencoder", sort=False)
            ]
        )

    def _with_signals(self, rows: pd.DataFrame, family: str, limits: Mapping[str, Limit]) -> pd.DataFrame:
        """Return rows of one family with their signals."""
        limit = limits[family]
        bounded = rows["first_loss"].notna() & rows["second_loss"].isna()
        known = rows["first_loss"][bounded]
        if bounded.any() and not (self.signal == BOUNDED and all(limit.is_beyond(loss) for loss in known)):
            raise UserError(
                f"The query was measured for another calibration: {rows['image_id'][bounded].iloc[0]} has no "
                f"{self.metric} of its control under {family}. Delete the losses of the query and run again."
            )
        # The second loss counts at most as the cap.
        complete = rows.assign(second_loss=rows["second_loss"].mask(bounded, limit.cap))
        return add_signals(complete, self._parameters(family)).assign(bounded=bounded)

    def _parameters(self, family: str) -> FittedParameters:
        return FittedParameters(**self.families[family]["fitted"][self.metric])


@dataclass(frozen=True)
class _Drawn:
    """The rows of the images that are compared with, how many images these are, and what they cannot promise."""

    rows: pd.DataFrame
    images: int
    warning: str | None = None


def _drawn(rows: pd.DataFrame, what: str, promise: Promise) -> _Drawn:
    """Return the rows of one image of each group, or of every image if only they are enough for the promise."""
    images = rows.drop_duplicates("image_id")[["image_id", "group"]]
    groups = images["group"].nunique()
    if groups < promise.fewest_images <= len(images):
        warning = (
            f"The {len(images)} {what} belong to only {groups} groups, "
            f"such as photographs, and level {promise} needs {promise.fewest_images}. So every image is counted, and "
            f"shares hold for further images of these groups. One of each group allows no share below "
            f"{promise.p_value(1, groups):.2g}."
        )
        return _Drawn(rows, len(images), warning)
    order = images["image_id"].map(lambda image_id: seed_of("group", image_id))
    drawn = images.assign(order=order).sort_values("order").drop_duplicates("group")
    return _Drawn(rows[rows["image_id"].isin(drawn["image_id"])], groups)
