"""A row of claims in words, for people."""

from collections.abc import Mapping
from typing import Any

NOTHING = "The file claims nothing about its origin."


def claims_in_words(row: Mapping[str, Any]) -> str:
    """Return the claims of a row of the claims table in words, one line.

    `row` may also have the image's own `width` and `height`: then a claim of another size is pointed out.
    """
    parts = [
        part for part in (_generation(row), _source_type(row), _origin(row), _credentials(row), _watermark(row)) if part
    ]
    if not parts and not row.get("reason"):
        return NOTHING
    said = f"The file claims, unverified: {'; '.join(parts)}." if parts else ""
    reason = row.get("reason")
    return " ".join(filter(None, [said, f"{reason[0].upper()}{reason[1:]}." if reason else ""]))


def _generation(row: Mapping[str, Any]) -> str | None:
    named = [
        row.get("claimed_generator") and f"made with {row['claimed_generator']}",
        _with_hash("model", row.get("claimed_model"), row.get("claimed_model_hash")),
        _with_hash("autoencoder", row.get("claimed_vae"), row.get("claimed_vae_hash")),
        row.get("claimed_sampler") and f"sampler {row['claimed_sampler']}",
        _size(row),
    ]
    return ", ".join(filter(None, named)) or None


def _with_hash(what: str, name: str | None, digest: str | None) -> str | None:
    if not name:
        return f"{what} of hash {digest}" if digest else None
    return f"{what} {name}" + (f" (hash {digest})" if digest else "")


def _size(row: Mapping[str, Any]) -> str | None:
    claimed = row.get("claimed_size")
    if not claimed:
        return None
    own = f"{row['width']:.0f}x{row['height']:.0f}" if row.get("width") and row.get("height") else claimed
    return f"size {claimed}" + (f", but the image has {own}" if own != claimed else "")


def _source_type(row: Mapping[str, Any]) -> str | None:
    kind = row.get("claimed_source_type")
    return f"source type {kind}" if kind else None


def _origin(row: Mapping[str, Any]) -> str | None:
    named = [
        row.get("claimed_software") and f"software {row['claimed_software']}",
        row.get("claimed_camera") and f"camera {row['claimed_camera']}",
    ]
    return ", ".join(filter(None, named)) or None


def _credentials(row: Mapping[str, Any]) -> str | None:
    validity = row.get("credentials_validity")
    if not validity:
        return None
    issuer, actions = row.get("credentials_issuer"), row.get("credentials_actions")
    return f"Content Credentials{f' signed by {issuer}' if issuer else ''} ({validity})" + (
        f": {actions}" if actions else ""
    )


def _watermark(row: Mapping[str, Any]) -> str | None:
    return f"watermark of {row['watermark']}" if row.get("watermark") else None
