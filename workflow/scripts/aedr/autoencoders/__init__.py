"""Autoencoders: loading one, and which of them are one family."""
