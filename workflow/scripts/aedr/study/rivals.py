"""The rivals: the names of other methods of attribution, and what is known about each before it is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rival:
    """A method with a module in `aedr.rivals`, named as in the configuration's `rivals`.

    Attributes:
        name: its published name.
        is_seeded: whether it draws random numbers.
        needs_codebook: whether it only applies to quantised autoencoders.
        ratio_name: the name of the ratio of its two losses; None if it has no second loss.
    """

    name: str
    is_seeded: bool = False
    needs_codebook: bool = False
    ratio_name: str | None = None


RIVALS = {
    "aeroblade": Rival("AEROBLADE", is_seeded=True),
    "codebook": Rival("codebook distance", needs_codebook=True, ratio_name="codebook ratio"),
    "hfi": Rival("HFI"),
    "latent_tracer": Rival("LatentTracer"),
    "ronan": Rival("RONAN", is_seeded=True),
}
