"""Seeds that depend on what is made, never on when or beside what it is made."""

import hashlib


def seed_of(*parts: object) -> int:
    """Return a seed in [0, 2**63) fixed by `parts` alone (SHA-256 of their representation)."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
