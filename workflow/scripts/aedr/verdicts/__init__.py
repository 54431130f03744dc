"""Answers for images that nobody has seen, by the calibration of a study."""
