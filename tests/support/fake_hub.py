"""A Hugging Face hub on the loopback interface, enough of one for huggingface_hub's real client."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants
import pytest

LARGE = (".safetensors", ".bin")


@dataclass
class Hub:
    """What the hub holds and what it was asked: repositories are mappings of paths to contents."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    # Tokens of accounts that may read gated repositories.
    members: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    # What the next requests for a repository or its files get instead: a status with headers, or None for the usual.
    answers: dict[str, list[tuple[int, dict[str, str]] | None]] = field(default_factory=dict)
    # The connection breaks after so many bytes of a file.
    breaks: dict[str, int] = field(default_factory=dict)
    # The only revision of a repository, where it is not `commit_of`.
    commits: dict[str, str] = field(default_factory=dict)
    downloads: list[str] = field(default_factory=list)
    resumed: dict[str, int] = field(default_factory=dict)
    address: str = ""

    def hold(self, repository: str, folder: Path, commit: str | None = None) -> None:
        """Hold the files of a folder as a repository's."""
        files = [file for file in folder.rglob("*") if file.is_file()]
        self.repositories[repository] = {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
        self.commits[repository] = commit or commit_of(repository)

    def commit(self, repository: str) -> str:
        """Return the commit of a repository's only revision."""
        return self.commits.get(repository, commit_of(repository))

    def describe(self, repository: str, path: str) -> dict[str, object]:
        """Return a file's entry in the hub's listings."""
        content = self.repositories[repository][path]
        entry: dict[str, object] = {"size": len(content), "oid": _git_sha1(content)}
        if path.endswith(LARGE):
            sha256 = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"sha256": sha256, "oid": sha256, "size": len(content), "pointerSize": 134}
        return entry


def commit_of(repository: str) -> str:
    """Return the commit of a repository's only revision; huggingface_hub takes equal commits for equal files."""
    return hashlib.sha1(repository.encode()).hexdigest()


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _send(self, status: int, body: bytes, stop: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:stop])

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        listing = re.fullmatch(r"/api/models/([^/]+/[^/]+?)(?:/(revision|tree)/([^/]+).*)?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        found = listing or file
        if not found or found[1] not in self.hub.repositories:
            # The hub answers so to whoever is not logged in, lest names of private repositories leak.
            return self._send(401, b"", X_Error_Code="RepoNotFound")
        repository = found[1]
        waiting = self.hub.answers.get(repository)
        if waiting and (answer := waiting.pop(0)):
            return self._send(answer[0], b"", **answer[1])
        revision = found[3] if listing else found[2]
        if revision not in (None, "main", self.hub.commit(repository)):
            return self._send(404, b"", X_Error_Code="RevisionNotFound")
        if listing and listing[2] == "tree":
            entries = [
                {"type": "file", "path": name} | self.hub.describe(repository, name) for name in self._names(repository)
            ]
            return self._send(200, json.dumps(entries).encode())
        if listing:
            siblings = []
            for name in self._names(repository):
                entry = self.hub.describe(repository, name)
                siblings.append({"rfilename": name, "blobId": entry.pop("oid"), **entry})
            answer = {"id": repository, "sha": self.hub.commit(repository), "siblings": siblings, "private": False}
            answer["gated"] = "auto" if repository in self.hub.gated else False
            return self._send(200, json.dumps(answer).encode())
        assert file
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repository in self.hub.gated and token not in self.hub.members:
            return self._send(403 if token else 401, b"", X_Error_Code="GatedRepo")
        if file[3] not in self.hub.repositories[repository]:
            return self._send(404, b"", X_Error_Code="EntryNotFound")
        content = self.hub.repositories[repository][file[3]]
        entry = self.hub.describe(repository, file[3])
        etag = entry["lfs"]["sha256"] if "lfs" in entry else entry["oid"]  # type: ignore[index]
        if self.command == "GET":
            self.hub.downloads.append(f"{repository}/{file[3]}")
        if file[3] in self.hub.damaged:
            content = b"?" * len(content)
        begin = int((re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) or (0, 0))[1])
        headers = {"ETag": f'"{etag}"', "X_Repo_Commit": self.hub.commit(repository)}
        if begin:
            self.hub.resumed[file[3]] = begin
            headers["Content_Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        stop = self.hub.breaks.get(file[3], len(content))
        self.close_connection = stop < len(content)
        self._send(206 if begin else 200, content[begin:], max(stop - begin, 0), **headers)

    def _names(self, repository: str) -> list[str]:
        return sorted(self.hub.repositories[repository])


def ask_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point huggingface_hub, which reads HF_ENDPOINT only when it is imported, at another address."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@contextmanager
def serve() -> Iterator[Hub]:
    """Serve an empty hub; its address is for HF_ENDPOINT or huggingface_hub.constants.ENDPOINT."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
