"""Autoencoders: loading them, and grouping them into families."""
