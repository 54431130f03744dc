"""Figures: one hand for all of them."""
