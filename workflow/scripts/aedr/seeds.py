"""Seeds that depend only on what is made, not on when it is made or what else is made with it."""

import hashlib


def seed_of(*parts: object) -> int:
    """Return a seed in [0, 2**63) that depends only on `parts` (SHA-256 of their `repr`)."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
