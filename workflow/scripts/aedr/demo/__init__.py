"""Training of the embedded study's models."""
