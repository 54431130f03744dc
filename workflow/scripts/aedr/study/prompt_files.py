"""Prompts, captions and phrases in a user's files; light, because this runs when the workflow is planned."""

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from aedr.errors import UserError

# Of the phrases that compete in a prompt.
KINDS = ("medium", "artist", "trending", "movement", "flavor")

_NUMBERED = re.compile(r"\d+: ")


def read_prompt_file(path: str | Path) -> list[str]:
    """Return the prompts of a UTF-8 text file in order: one per line, blank lines skipped, repeated prompts kept.

    If every line has the published form `NNN: prompt`, the numbers are removed.

    Raises:
        UserError: the file is missing, not UTF-8 or contains no prompts, or a numbered line has none.
    """
    lines = [line.strip() for line in _read_text(path, "prompts: file").split("\n")]
    lines = [line for line in lines if line]
    # Stripping took the space after the colon of a numbered line without a prompt. It must not count as a prompt.
    if lines and all(_NUMBERED.match(f"{line} ") for line in lines):
        prompts = [_NUMBERED.sub("", f"{line} ", count=1).strip() for line in lines]
    else:
        prompts = lines
    if not prompts:
        raise UserError(f"prompts: file: {path} has no prompts. Write one per line, or `NNN: prompt` on every line.")
    for line, prompt in zip(lines, prompts, strict=True):
        if not prompt:
            raise UserError(f"prompts: file: the line `{line}` of {path} has no prompt after its number.")
    return prompts


def count_prompts(path: str | Path) -> int:
    """Return how many prompts `read_prompt_file` finds in `path`; raises `UserError` as it does."""
    return len(read_prompt_file(path))


def read_captions(path: str | Path) -> dict[str, str]:
    """Return the captions by file name, from a UTF-8 CSV file with the columns file and caption.

    File names are relative to the image set's folder, with `/` between folders. Other columns are ignored.

    Raises:
        UserError: the file is missing or not UTF-8, a column is missing, a name appears twice or a caption is empty.
    """
    rows = csv.DictReader(io.StringIO(_read_text(path, "prompts: captions"), newline=""))
    try:
        return _captions(rows, path)
    except csv.Error as error:
        raise UserError(f"prompts: captions: line {rows.line_num + 1} of {path} is not valid CSV ({error}).") from None


def _captions(rows: csv.DictReader, path: str | Path) -> dict[str, str]:
    missing = {"file", "caption"} - set(rows.fieldnames or [])
    if missing:
        raise UserError(
            f"prompts: captions: {path} lacks the column {' and '.join(sorted(missing))}; "
            f"its first line must name `file,caption`, but it is `{','.join(rows.fieldnames or [])}`."
        )
    captions: dict[str, str] = {}
    for row in rows:
        name, caption = row["file"] or "", " ".join((row["caption"] or "").split())
        if name in captions:
            raise UserError(f"prompts: captions: {path} has two rows for the file {name}. Keep one of them.")
        if not name or not caption:
            raise UserError(f"prompts: captions: line {rows.line_num} of {path} lacks a file name or a caption.")
        captions[name] = caption
    return captions


def match_captions(captions: dict[str, str], image_ids: Iterable[str], path: str | Path) -> dict[str, str]:
    """Return the captions by image id, which is `{image set}/{file name relative to its folder}`.

    Raises:
        UserError: an image has no caption; `path` is the file that the message names.
    """
    names = {image_id: image_id.split("/", 1)[1] for image_id in image_ids}
    missing = [name for name in names.values() if name not in captions]
    if missing:
        raise UserError(
            f"prompts: captions: {path} has no row for {len(missing)} of {len(names)} images, such as {missing[0]}. "
            "Add a row with that file name, relative to the image set's folder, or leave `captions` empty and set "
            "`captioner`."
        )
    return {image_id: captions[name] for image_id, name in names.items()}


def vocabulary_files(folder: str | Path) -> list[str]:
    """Return the paths of the files that a vocabulary folder holds: one phrase a line, UTF-8; trendings are sites."""
    return [str(Path(folder) / f"{kind}s.txt") for kind in KINDS]


def _read_text(path: str | Path, key: str) -> str:
    try:
        # Some editors start a UTF-8 file with a byte-order mark, which must not become part of the first word.
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{key}: {path} cannot be read ({error.strerror or error}).") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{key}: {path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
