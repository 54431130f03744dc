"""The calibration that a verdict asks: the reference images of the families asked, and their signals."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from aedr.scoring.signals import FittedParameters, add_signals
from aedr.verdicts.decision import Reference
from aedr.verdicts.resizes import common_sizes


@dataclass(frozen=True)
class Calibration:
    """What a study exports, limited to the families of autoencoders that are asked.

    `description` is the metadata of the calibration's file (`workflow/schemas/calibration.schema.yaml`), `rows` its
    reference table. `asked` maps the name of each family here to its name in the calibration.
    """

    description: Mapping[str, Any]
    rows: pd.DataFrame
    asked: Mapping[str, str]

    def asking(self, families: Mapping[str, str]) -> "Calibration":
        """Return the same calibration asked about other families, given as in `asked`."""
        return replace(self, asked=families)

    @property
    def metric(self) -> str:
        """The metric of the losses that signals are computed from."""
        return str(self.description["metric"])

    @property
    def signal(self) -> str:
        """The signal that images are compared by."""
        return str(self.description["signal"])

    @property
    def families(self) -> dict[str, Mapping[str, Any]]:
        """What the calibration says about each family that is asked, by its name in the calibration."""
        return {name: self.description["families"][name] for name in self.asked.values()}

    @cached_property
    def reference(self) -> Reference:
        """The reference signals of the families that are asked."""
        belonging = self.rows["belonging"]
        own = {name: self.rows[belonging & (self.rows["autoencoder"] == name)] for name in self.families}
        real = self.rows[~belonging].pivot(index="image_id", columns="autoencoder", values="value")
        return Reference(
            self.signal,
            {name: images["value"].to_numpy() for name, images in own.items()},
            real.reindex(columns=list(own)),
            {name: images["homogeneity"].max() for name, images in own.items()},
            {name: common_sizes(images) for name, images in own.items()},
        )

    def signals(self, losses: pd.DataFrame, homogeneity: pd.DataFrame) -> pd.DataFrame:
        """Return the losses of the calibration's metric with every signal, under the calibration's names of families.

        Args:
            losses: rows of the losses table, of the families that are asked.
            homogeneity: rows of the homogeneity table for the same images.
        """
        measured = losses[losses["metric"] == self.metric].merge(
            homogeneity[["image_id", "homogeneity"]], on="image_id", validate="many_to_one"
        )
        return pd.concat(
            [
                add_signals(rows, self._parameters(self.asked[name])).assign(autoencoder=self.asked[name])
                for name, rows in measured.groupby("autoencoder", sort=False)
            ]
        )

    def _parameters(self, family: str) -> FittedParameters:
        return FittedParameters(**self.families[family]["fitted"])
