"""Files of a Hugging Face repository, brought to a folder before any job needs them."""

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils import WeakFileLock

from aedr.errors import UserError


def download(repository: str, revision: str | None, patterns: Sequence[str], folder: str | Path, key: str) -> None:
    """Bring the files of `repository` that match `patterns` to `folder`.

    `key` is the configuration key that messages name.

    Raises:
        UserError: there is no such repository or revision, access is not granted, or the network fails.
    """
    name = f"{repository}@{revision}" if revision else repository
    try:
        huggingface_hub.snapshot_download(
            repository, revision=revision, allow_patterns=list(patterns), local_dir=folder
        )
    except GatedRepoError:
        raise UserError(
            f"{key}: access to {name} is gated. Accept its licence on its page at huggingface.co, then log in with "
            "`hf auth login` and run again."
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise UserError(f"{key}: huggingface.co has no {name} that you may read. Check its spelling.") from None
    # What the client raises when a connection breaks differs between its releases, and is not always an OSError.
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise UserError(
            f"{key}: {name} could not be downloaded ({error}). Run again where huggingface.co is reachable, to go on "
            "where it stopped, or name a local folder with `path`."
        ) from None
    shutil.rmtree(Path(folder) / ".cache", ignore_errors=True)


@contextmanager
def fetching(folder: str | Path) -> Iterator[str]:
    """Give a folder to download to, which is renamed to `folder` when the block ends well.

    Snakemake deletes the folder of a job that failed; what came before a download broke stays in the other one, and the
    next job goes on from there. Studies that share their resources wait for each other.
    """
    partial = Path(f"{folder}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(f"{folder}.lock"):
        yield str(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
