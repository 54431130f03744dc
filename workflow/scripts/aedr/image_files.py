"""Finding the pictures in a folder; light enough for the time when the workflow is planned."""

from pathlib import Path

from aedr.errors import UserError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}


def list_images(folder: str | Path, at_most: int) -> list[str]:
    """Return the first `at_most` image files below `folder`, as paths relative to it, in the order of their names.

    Hidden files and folders, and files with other suffixes, are passed over.

    Raises:
        UserError: the folder is missing or holds no image, or a name cannot be written to a table.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"The image folder {folder} does not exist. Create it, or correct the path in image_sets.")
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not names:
        raise UserError(f"The folder {folder} holds no image ({', '.join(sorted(SUFFIXES))}).")
    for name in names:
        if not name.isprintable():
            raise UserError(f"Rename {name!r} in {folder}: its name has characters that no table can hold.")
    return names[:at_most]
