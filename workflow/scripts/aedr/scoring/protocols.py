"""Protocols: which images thresholds are fitted on, and which are scored."""

from dataclasses import dataclass

from aedr.scoring.signals import FITTING, HELD_OUT
from aedr.study.transform_steps import UNTOUCHED


@dataclass(frozen=True)
class Protocol:
    """A protocol of the study's own images; `fitted_on` and `scored_on` are parts of the study, or None for all of it.

    Attributes:
        scored_images: the images that it scores, in words.
        title: what a figure says of it.
    """

    fitted_on: str | None
    scored_on: str | None
    scored_images: str
    title: str


PROTOCOLS = {
    "held_out": Protocol(FITTING, HELD_OUT, "images held out", "Scored on images held out"),
    "published": Protocol(
        None,
        None,
        "images that thresholds were fitted on",
        "Thresholds scored on the images that they were fitted on",
    ),
}

# What parameters and thresholds are fitted on where damaged images are scored, which are always those held out.
ALIKE = "alike"
FITTED_ON = {UNTOUCHED: "untouched images", ALIKE: "images damaged alike"}
