"""Autoencoder families: autoencoders with the same weights, which no image can tell apart."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from aedr.errors import UserError

ENCODER = ("encoder.", "quant_conv.")


def fingerprint(network: Any) -> tuple[str, str]:
    """Return the SHA-256 of an autoencoder's encoder, and that of its decoder with everything else.

    They cover the names, shapes and values of the loaded tensors, with values rounded to float16. The same weights in
    another file, another format or float16 have the same fingerprint. A copy in bfloat16 has a different one, because
    bfloat16 keeps fewer digits. Weights that differ by less than float16 resolves (1 part in 2000) count as equal.
    """
    encoder, decoder = hashlib.sha256(), hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        part = encoder if name.startswith(ENCODER) else decoder
        part.update(f"{name} {list(tensor.shape)}\n".encode())
        part.update(tensor.half().cpu().contiguous().numpy().tobytes())
    return encoder.hexdigest(), decoder.hexdigest()


def assign_families(fingerprints: pd.DataFrame) -> pd.DataFrame:
    """Return the autoencoders table: the fingerprints table with families, and the families with the same encoder only.

    A family is named after the first of its members in the given order.
    """
    autoencoders = fingerprints.copy()
    weights = autoencoders.groupby(["encoder_sha256", "decoder_sha256"])
    autoencoders.insert(1, "family", weights["autoencoder"].transform("first"))
    with_encoder = autoencoders.groupby("encoder_sha256")["family"].unique()
    autoencoders["shares_encoder_with"] = [
        [other for other in with_encoder[row.encoder_sha256] if other != row.family]
        for row in autoencoders.itertuples()
    ]
    return autoencoders


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
