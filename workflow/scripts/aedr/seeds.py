"""Seeds that depend only on what is made, not on when it is made or what else is made with it."""

import hashlib
import heapq
from collections.abc import Collection


def seed_of(*parts: object) -> int:
    """Return a seed in [0, 2**63) that depends only on `parts` (SHA-256 of their `repr`)."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def sample_of(texts: Collection[str], at_most: int, *what: object) -> set[str]:
    """Return at most so many of `texts`, drawn as by chance: those with the smallest hashes, whatever their order.

    Args:
        what: besides each text, what its hash depends on.
    """
    if len(texts) <= at_most:
        return set(texts)
    return set(heapq.nsmallest(at_most, texts, key=lambda text: seed_of(*what, text)))
