"""Observations: what a file still says of the picture that a decoder put out, and what was lost on the way."""
