"""Verdicts on new images, from the calibration of a study."""
