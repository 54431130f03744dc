"""Signals, thresholds and accuracy: how well images are told apart."""
