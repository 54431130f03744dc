"""Finding the pictures in a folder; light enough for the time when the workflow is planned."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from aedr.errors import UserError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

# Control characters, halves of characters (what is not UTF-8), and separators of lines and paragraphs.
UNWRITABLE = {"Cc", "Cs", "Zl", "Zp"}


def is_writable(text: str) -> bool:
    """Return whether a text can stand in a line of a table, a log or a page."""
    return not any(unicodedata.category(character) in UNWRITABLE for character in text)


def list_images(folder: str | Path, at_most: int, key: str) -> list[str]:
    """Return the first `at_most` image files below `folder`, as paths relative to it, in the order of their names.

    `key` is the configuration key that messages name.

    Hidden files and folders, files with other suffixes, links to folders, and what is neither a file nor a link to one
    (a pipe, a device) are passed over.

    Raises:
        UserError: the folder is missing, cannot be read or holds no image, an image is a link to nothing, or a name
            cannot be written to a table.
    """
    if not os.path.isdir(folder):
        raise UserError(f"{key}: the folder {folder} does not exist. Create it, or correct the path.")
    root = os.path.join(folder, "")
    names = sorted(path.removeprefix(root) for path in _images_below(root))
    if not names:
        raise UserError(f"{key}: the folder {folder} holds no image ({', '.join(SUFFIXES)}).")
    for name in names:
        if not is_writable(name):
            raise UserError(f"Rename {name!r} in {folder}: its name has characters that no table can hold.")
    return names[:at_most]


def _images_below(folder: str) -> Iterator[str]:
    """Yield the paths of the image files below `folder` that are not hidden, links to files among them.

    What kind an entry is comes with the listing, so that a million files need no million calls of stat.
    """
    waiting = [folder]
    while waiting:
        try:
            for entry in os.scandir(waiting.pop()):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.name.lower().endswith(SUFFIXES):
                    if entry.is_symlink():
                        # Raises where the link leads nowhere, of which is_file says nothing.
                        entry.stat()
                    if entry.is_file():
                        yield entry.path
        except OSError as error:
            raise UserError(
                f"{error.filename!r} cannot be read ({error.strerror}), and no image is left out in silence. Mend or "
                "remove it."
            ) from None
