"""What rounding to 8 bits alone adds to a loss: below it, a ratio of losses compares rounding errors."""

STEP = 2 / 255

# Rounding errors are uniform over a step, and those of neighbouring pixels independent. Their energy is a twelfth of
# the squared step; the Laplacian of `aedr.losses` multiplies it by 1 + 4 / 16, the mean over 2x2 pixels by a fourth.
ROUNDING_LOSS = {
    "l2": STEP**2 / 12,
    "high_frequency": STEP**2 / 12 * 1.25,
    "mid_frequency": STEP**2 / 12 * 1.25 / 4,
}
