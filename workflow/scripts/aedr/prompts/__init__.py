"""Prompts from pictures: captions, phrases, and how they are put together."""
