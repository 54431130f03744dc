"""The rivals: what other methods of attribution are called, and what is known of each before it is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rival:
    """A method that `aedr.rivals` has a module of, named as in the configuration's `rivals`.

    Attributes:
        name: as people know it.
        is_seeded: whether it draws random numbers.
        needs_codebook: whether it means something for quantised autoencoders alone.
        ratio_name: what the ratio of its two losses is called; None where it knows no second loss.
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
