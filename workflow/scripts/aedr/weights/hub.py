"""Download files of a Hugging Face repository and compare them with their hashes."""

import errno
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils import WeakFileLock, filter_repo_objects
from huggingface_hub.utils.sha import git_hash

from aedr.errors import UserError
from aedr.files import sync

# A file's size, and its sha256 (large files) or git_sha1 (small ones).
Facts = dict[str, Any]


def list_files(repository: str, revision: str | None) -> tuple[str | None, dict[str, Facts]]:
    """Return a repository's commit, and what the hub says about each of its files.

    Raises:
        UserError: a file's name leads out of the download folder, or the hub gives no hash of the file.
    """
    info = huggingface_hub.HfApi().model_info(repository, revision=revision, files_metadata=True)
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
    with _explained(f"{repository}@{commit}" if commit else repository, key):
        huggingface_hub.snapshot_download(repository, revision=commit, allow_patterns=list(files), local_dir=folder)
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
    with _explained(f"{repository}@{revision}" if revision else repository, key):
        commit, files = list_files(repository, revision)
    wanted = {name: files[name] for name in filter_repo_objects(files, allow_patterns=list(patterns))}
    fetch_files(repository, commit, wanted, folder, key)


@contextmanager
def _explained(name: str, key: str) -> Iterator[None]:
    try:
        yield
    except GatedRepoError:
        raise UserError(
            f"{key}: access to {name} is gated. Accept its licence on its page at huggingface.co, then log in with "
            "`hf auth login` and run again."
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise UserError(f"{key}: huggingface.co has no {name} that you may read. Check its spelling.") from None
    except UserError as error:
        raise UserError(f"{key}: {error}") from None
    # Releases of the client raise different errors when a connection breaks, and not always an OSError.
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise UserError(
            f"{key}: {name} could not be downloaded ({error or type(error).__name__}). Run again where huggingface.co "
            "is reachable, to continue where it stopped, or name a local folder as `path`."
        ) from None


@contextmanager
def fetching(folder: str | Path) -> Iterator[str]:
    """Yield a folder to download to, which is renamed to `folder` if the block succeeds.

    Snakemake deletes the output folder of a failed job. What was downloaded before stays in the other folder, and the
    next job continues from there. Studies that share their resources wait for each other.
    """
    partial = Path(f"{folder}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(f"{folder}.lock"):
        yield str(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
