"""How far out an image can be before nothing more needs to be measured of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """The limit of one family by one metric: `farthest` is the largest signal of the family's own images.

    The signal is the first loss over the second, or over `cap` if that is smaller: so it is at least the first over
    `cap`.
    """

    cap: float
    farthest: float

    def is_beyond(self, first_loss: float) -> bool:
        """Return whether an image with this first loss is farther than every own image, whatever its second loss."""
        return first_loss / self.cap > self.farthest
