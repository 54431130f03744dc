"""Finding the pictures in a folder; light enough for the time when the workflow is planned."""

import os
from collections.abc import Iterator
from pathlib import Path

from aedr.errors import UserError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def list_images(folder: str | Path, at_most: int) -> list[str]:
    """Return the first `at_most` image files below `folder`, as paths relative to it, in the order of their names.

    Hidden files and folders, and files with other suffixes, are passed over.

    Raises:
        UserError: the folder is missing, cannot be read or holds no image, or a name cannot be written to a table.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"The image folder {folder} does not exist. Create it, or correct the path in image_sets.")
    root = os.path.join(folder, "")
    names = sorted(path.removeprefix(root) for path in _files_below(root) if path.lower().endswith(SUFFIXES))
    if not names:
        raise UserError(f"The folder {folder} holds no image ({', '.join(SUFFIXES)}).")
    for name in names:
        if not name.isprintable():
            raise UserError(f"Rename {name!r} in {folder}: its name has characters that no table can hold.")
    return names[:at_most]


def _files_below(folder: str) -> Iterator[str]:
    """Yield the paths of the files below `folder` that are not hidden, links to files among them.

    What kind an entry is comes with the listing, so that a million files need no million calls of stat.
    """
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError as error:
            raise UserError(f"The image folder {error.filename} cannot be read ({error.strerror}).") from None
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif entry.is_file():
                yield entry.path
