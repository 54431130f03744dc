"""Figures, all in the same style."""
