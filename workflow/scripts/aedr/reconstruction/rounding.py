"""What rounding to 8 bits alone adds to a first loss: far below it, an image is flat or saturated and has no signal."""

STEP = 2 / 255

# Rounding errors are uniform over a step, and those of neighbouring pixels independent. Their energy is a twelfth of
# the squared step; the Laplacian of high-frequency losses multiplies it by 1 + 4 / 16, the mean over 2x2 pixels by a
# fourth.
ROUNDING_LOSS = {
    "l2": STEP**2 / 12,
    "high_frequency": STEP**2 / 12 * 1.25,
    "mid_frequency": STEP**2 / 12 * 1.25 / 4,
}

# A perfect autoencoder still loses the part of the rounding that its latents cannot hold: 11 in 12 for FLUX.1, with 16
# channels for 8x8 pixels of 3 channels, and at least two thirds in all known models. The loss falls
# to half of it only if half of the pixels were not rounded at all.
SMALLEST_FIRST_LOSS = {metric: loss / 2 for metric, loss in ROUNDING_LOSS.items()}
