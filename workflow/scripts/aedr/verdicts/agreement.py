"""Claims beside verdicts: whether the model or the autoencoder that a file claims is of the verdict's family.

A claim never changes a verdict. It is compared only where the study has a model of the claimed name.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PureWindowsPath
from typing import Any

import pandas as pd

from aedr.claims.claims import SEPARATOR
from aedr.tables.schemas import CLAIMS
from aedr.verdicts.decision import FAMILY, NONE

AGREES, CONTRADICTS, NOTHING, INCOMPARABLE = "agrees", "contradicts", "nothing claimed", "cannot be compared"

# Single files that the authors of a model publish, by the last part of the names of its repositories on the Hugging
# Face hub: what tools that load single files call the model or its autoencoder. Only files with the
# same decoder.
PUBLISHED_FILES = {
    "stable-diffusion-v1-5": ("v1-5-pruned", "v1-5-pruned-emaonly"),
    "stable-diffusion-2-base": ("512-base-ema",),
    "stable-diffusion-2-1": ("v2-1_768-ema-pruned", "v2-1_768-nonema-pruned"),
    "stable-diffusion-xl-base-1.0": ("sd_xl_base_1.0",),
    "stable-diffusion-3.5-large": ("sd3.5_large",),
    "FLUX.1-dev": ("flux1-dev",),
}
# The file of the autoencoder in repositories of FLUX, whatever the model.
OWN_AUTOENCODER = "ae"
WEIGHTS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
# Of a copy of the same weights.
PRECISION = re.compile(r"[-_.](?:fp16|bf16|fp32|fp8(?:_e\w+)?)$")


def add_claims(
    verdicts: pd.DataFrame, claims: pd.DataFrame, names: Mapping[str, Iterable[str]], families: Mapping[str, str]
) -> pd.DataFrame:
    """Return the verdicts table with the claims of each image, and whether they agree with its verdict.

    Args:
        verdicts: rows of the verdicts table without claims; their columns stay as they are.
        claims: rows of the claims table for the same images.
        names: what each autoencoder's models are called in the configuration, by the autoencoder's name.
        families: the family of each autoencoder, as verdicts name it.
    """
    known = _families_by_name(names, families)
    claims = claims.set_index("image_id").loc[verdicts["image_id"]].reset_index()
    agreement = [
        _agreement(claim, row.verdict, row.autoencoders, known)
        for claim, row in zip(claims.to_dict("records"), verdicts.itertuples(), strict=True)
    ]
    columns = claims[["claims_in_words", *CLAIMS]].set_index(verdicts.index)
    return verdicts.assign(claim_agreement=agreement).join(columns)


def _families_by_name(names: Mapping[str, Iterable[str]], families: Mapping[str, str]) -> dict[str, str]:
    """Return the family of each name by which a claim may mean it; a name of several families means none."""
    found: dict[str, set[str]] = {}
    for autoencoder, called in names.items():
        for name in called:
            last = name.rpartition("/")[2]
            for alias in (name, last, *PUBLISHED_FILES.get(last, ())):
                found.setdefault(normalise(alias), set()).add(families[autoencoder])
    return {name: next(iter(meant)) for name, meant in found.items() if len(meant) == 1}


def normalise(name: str) -> str:
    """Return the name of a model or of its file as names are compared: its letters and digits, in lower case."""
    # Windows' paths have either kind of slash.
    path = PureWindowsPath(name.strip().lower())
    stem = path.stem if path.suffix in WEIGHTS else str(path)
    return re.sub(r"[^a-z0-9]", "", PRECISION.sub("", stem))


def _agreement(claim: Mapping[str, Any], verdict: str, autoencoders: Iterable[str], known: Mapping[str, str]) -> str:
    if not any(isinstance(claim[column], str) for column in (*CLAIMS, "reason")):
        return NOTHING
    # The verdict is about the autoencoder, which a file may name apart from the model.
    named = next((claim[column] for column in ("claimed_vae", "claimed_model") if _is_named(claim[column])), "")
    claimed = {known.get(normalise(name)) for name in named.split(SEPARATOR)}
    if None in claimed or len(claimed) > 1 or verdict not in (FAMILY, NONE):
        return INCOMPARABLE
    return AGREES if claimed <= set(autoencoders) else CONTRADICTS


def _is_named(value: object) -> bool:
    return isinstance(value, str) and normalise(value) != OWN_AUTOENCODER
