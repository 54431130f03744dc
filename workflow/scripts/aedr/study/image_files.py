"""Find the images in a folder; light, because this runs when the workflow is planned."""

import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from aedr.errors import UserError

SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jpg_large", ".jpg_medium"),
    *(".jxl", ".png", ".tif", ".tiff", ".webp"),
)

# Control characters, surrogates (from names that are not UTF-8), and separators of lines and paragraphs.
UNWRITABLE = {"Cc", "Cs", "Zl", "Zp"}


def is_writable(text: str) -> bool:
    """Return whether a text can be written on one line of a table, a log or a page."""
    return not any(unicodedata.category(character) in UNWRITABLE for character in text)


def list_images(folder: str | Path, at_most: int, key: str, any_name: bool = False) -> list[str]:
    """Return the first `at_most` image files below `folder`, as paths relative to it, sorted by name.

    Hidden files and folders, files with other suffixes, links to folders, and anything that is neither a file nor a
    link to one (a pipe, a device) are skipped.

    Args:
        key: the configuration key that messages name.
        any_name: take files with any suffix or none.

    Raises:
        UserError: the folder is missing, cannot be read or contains no images; a link to an image is broken; or a name
            cannot be written to a table.
    """
    if not os.path.isdir(folder):
        raise UserError(f"{key}: the folder {folder} does not exist. Create it, or correct the path.")
    root = os.path.join(folder, "")
    names = sorted(path.removeprefix(root) for path in _files_below(root, lambda name: any_name or _is_image(name)))
    if not names:
        kinds = "files" if any_name else f"images ({', '.join(SUFFIXES)})"
        raise UserError(f"{key}: the folder {folder} contains no {kinds}.")
    for name in names:
        if not is_writable(name):
            raise UserError(f"Rename {name!r} in {folder}: its name has characters that cannot be written to a table.")
    return names[:at_most]


def passed_over(folder: str | Path) -> list[str]:
    """Return the files below `folder` that `list_images` leaves out for their suffix, relative to it, sorted."""
    root = os.path.join(folder, "")
    return sorted(
        path.removeprefix(root) for path in _files_below(root, lambda name: not _is_image(name), broken_links=True)
    )


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _files_below(folder: str, is_wanted: Callable[[str], bool], broken_links: bool = False) -> Iterator[str]:
    """Yield the paths of the files below `folder` with wanted names that are not hidden, including links to files.

    A broken link is an error, unless `broken_links` are left out.

    The listing already says what kind each entry is, so a million files do not need a million calls of stat.
    """
    waiting = [folder]
    while waiting:
        try:
            for entry in os.scandir(waiting.pop()):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif is_wanted(entry.name):
                    if entry.is_symlink() and not broken_links:
                        # Raises if the link is broken; is_file would not.
                        entry.stat()
                    if entry.is_file():
                        yield entry.path
        except OSError as error:
            raise UserError(
                f"{error.filename!r} cannot be read ({error.strerror}), and no image is skipped silently. Repair or "
                "remove it."
            ) from None
