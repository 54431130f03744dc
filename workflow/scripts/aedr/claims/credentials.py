"""Content Credentials (C2PA): what a file's signed manifest says, and whether the file is still what was signed."""

import functools
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import c2pa

from aedr.claims.xmp import source_type

# Nothing is fetched: no manifest or revocation list, nor the identities that assertions name.
OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"allowed_network_hosts": [], "decode_identity_assertions": False},
}
ELSEWHERE = "not checked: they are kept elsewhere, and nothing is fetched"
UNTRUSTED = "signingCredential.untrusted"
STATES = {"Valid": "valid, but nobody vouches for the signer here", "Trusted": "valid"}
# Of the actions, the one that made the image.
CREATED = "c2pa.created"


def read_credentials(data: bytes) -> dict[str, object]:
    """Return issuer, actions and validity of a file's Content Credentials, and the generator that they name.

    Raises:
        c2pa.C2paError: they are damaged.
    """
    # Before a parser looks at the file.
    if b"c2pa" not in data:
        return {}
    try:
        reader = c2pa.Reader.try_create(io.BytesIO(data), context=_context())
    except c2pa.C2paError as error:
        if str(error).startswith("Remote"):
            return {"credentials_validity": ELSEWHERE}
        raise
    if reader is None:
        return {}
    with reader:
        return _describe(json.loads(reader.json()))


@functools.cache
def _context() -> c2pa.Context:
    return c2pa.Context.from_dict(OFFLINE)


def _describe(store: Mapping[str, Any]) -> dict[str, object]:
    manifests = store["manifests"]
    active = manifests[store["active_manifest"]]
    signature = active.get("signature_info") or {}
    # An edited image has the manifest of its original inside.
    actions = [action for manifest in (active, *manifests.values()) for action in _actions(manifest)]
    made = [_agent(action) for action in actions if action.get("action") == CREATED]
    tools = [info.get("name") for info in active.get("claim_generator_info") or []]
    return {
        "claimed_generator": [agent for agent in made if agent] or (tools[:1] if made else []),
        "claimed_source_type": [_kind(action) for action in actions],
        "credentials_issuer": signature.get("issuer") or signature.get("common_name"),
        "credentials_actions": [_say(action) for action in actions],
        "credentials_validity": STATES.get(store.get("validation_state", "")) or _faults(store),
    }


def _actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for assertion in manifest.get("assertions") or []:
        if str(assertion.get("label")).startswith("c2pa.actions"):
            yield from assertion["data"].get("actions") or []


def _agent(action: Mapping[str, Any]) -> str | None:
    """Return name and version of the software of an action: a text, or an object since version 2 of actions."""
    agent = action.get("softwareAgent")
    if not isinstance(agent, Mapping):
        return agent
    return " ".join(str(agent[key]) for key in ("name", "version") if agent.get(key))


def _kind(action: Mapping[str, Any]) -> str | None:
    kind = action.get("digitalSourceType")
    return source_type(str(kind)) if kind else None


def _say(action: Mapping[str, Any]) -> str:
    kind, agent = _kind(action), _agent(action)
    return f"{action.get('action')}{f' ({kind})' if kind else ''}{f' by {agent}' if agent else ''}"


def _faults(store: Mapping[str, Any]) -> str:
    codes: Sequence[Any] = [status.get("code") for status in store.get("validation_status") or []]
    return f"invalid: {', '.join(dict.fromkeys(str(code) for code in codes if code != UNTRUSTED)) or 'no reason given'}"
