"""Damage to images, and how well damaged images are told apart."""
