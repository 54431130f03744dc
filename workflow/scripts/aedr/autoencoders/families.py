"""Autoencoder families: autoencoders with the same weights, which no image can tell apart."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from aedr.errors import UserError

SKETCHES = ["encoder_sketch", "decoder_sketch"]
# Of the numbers that a tensor's sketch has, twice: of sums, and of their scales.
BUCKETS = 16
# Rounding to bfloat16 changes a weight by at most 1 part in 256, and a bucket's sum by less than 1 part in 440 of its
# scale, in the root mean square. This is seven times as much. Of the demo's autoencoders, copies in bfloat16 differ
# by at most .0064, and weights that change by 1 % by .030 and more (benchmarks/demo/try_conventions.py).
TOLERANCE = 1 / 64


def are_equal(first: npt.ArrayLike, second: npt.ArrayLike) -> bool:
    """Return whether two sketches (`aedr.autoencoders.fingerprints.sketch`) are of weights equal in bfloat16."""
    one, other = np.asarray(first, float), np.asarray(second, float)
    if one.shape != other.shape:
        return False
    # Tensors, sums and scales, buckets.
    differences, scales = (array.reshape(-1, 2, BUCKETS) for array in (np.abs(one - other), np.maximum(one, other)))
    return bool((differences <= TOLERANCE * scales[:, 1:]).all())


def assign_families(fingerprints: pd.DataFrame) -> pd.DataFrame:
    """Return the autoencoders table: the fingerprints table with families, and the families with the same encoder only.

    The members of a family have weights that are equal to the precision of bfloat16. A family is named after the first
    of its members in the given order.
    """
    autoencoders = fingerprints.drop(columns=SKETCHES)
    encoders, decoders = (_first_equal(list(fingerprints[column])) for column in SKETCHES)
    autoencoders.insert(1, "family", autoencoders.groupby([encoders, decoders])["autoencoder"].transform("first"))
    with_encoder = autoencoders.groupby(encoders)["family"].unique()
    autoencoders["shares_encoder_with"] = [
        [other for other in with_encoder[encoder] if other != family]
        for family, encoder in zip(autoencoders["family"], encoders, strict=True)
    ]
    return autoencoders


def _first_equal(sketches: Sequence[npt.ArrayLike]) -> npt.NDArray[np.int64]:
    """Return for each sketch the place of the first that is equal to it."""
    places = [
        # Weights that are not numbers do not even equal themselves.
        next(place for place, earlier in enumerate(sketches) if earlier is sketch or are_equal(earlier, sketch))
        for sketch in sketches
    ]
    return np.array(places)


def members(autoencoders: pd.DataFrame) -> dict[str, list[str]]:
    """Return the names of each family's autoencoders, in the table's order."""
    return {str(family): list(rows["autoencoder"]) for family, rows in autoencoders.groupby("family", sort=False)}


def family_sources(autoencoders: pd.DataFrame, sources: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return the sources that belong to each family, given every autoencoder's own: those of all its members."""
    return {family: {s for name in names for s in sources[name]} for family, names in members(autoencoders).items()}


def family_label(names: Sequence[str]) -> str:
    """Return the label, in figures and pages, of the family of the autoencoders `names`."""
    return " = ".join(names)


def family_alphas(alphas: Mapping[str, float | str], families: Mapping[str, Sequence[str]]) -> dict[str, float | str]:
    """Return each family's significance level, given every autoencoder's own and the families' members.

    Raises:
        UserError: the members of a family have different levels.
    """
    levels = {}
    for family, names in families.items():
        if len({alphas[name] for name in names}) > 1:
            raise UserError(
                f"The autoencoders {', '.join(names)} have the same weights and share one threshold, but their levels "
                "in attribution.significance_levels differ. Give all of them the same level."
            )
        levels[family] = alphas[family]
    return levels
