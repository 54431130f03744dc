"""Protocols: which images thresholds are fitted on, and which images are scored."""

from dataclasses import dataclass

from aedr.scoring.signals import FITTING, HELD_OUT
from aedr.study.transform_steps import UNTOUCHED


@dataclass(frozen=True)
class Protocol:
    """How undamaged images are scored.

    Attributes:
        fitted_on, scored_on: parts of the study (`FITTING`, `HELD_OUT`); None means all of it.
        scored_images: the images that it scores, in words.
        title: its title in a figure.
    """

    fitted_on: str | None
    scored_on: str | None
    scored_images: str
    title: str


PROTOCOLS = {
    "held_out": Protocol(FITTING, HELD_OUT, "held-out images", "Scored on held-out images"),
    "same_images": Protocol(
        None,
        None,
        "images that thresholds were fitted on",
        "Thresholds scored on the images that they were fitted on",
    ),
}

# What parameters and thresholds are fitted on if damaged images are scored. The scored images are always held out.
ALIKE = "alike"
FITTED_ON = {UNTOUCHED: "untouched images", ALIKE: "images damaged alike"}
