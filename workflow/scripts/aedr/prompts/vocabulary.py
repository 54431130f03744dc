"""The phrases that prompts are made of: where they come from and which forms they take."""

import importlib.util
from pathlib import Path

from aedr.errors import UserError
from aedr.study.prompt_files import KINDS, vocabulary_files

# clip-interrogator 0.6.0 has its sites in its code, and its other phrases in files.
SITES = (
    "Artstation",
    "behance",
    "cg society",
    "cgsociety",
    "deviantart",
    "dribble",
    "flickr",
    "instagram",
    "pexels",
    "pinterest",
    "pixabay",
    "pixiv",
    "polycount",
    "reddit",
    "shutterstock",
    "tumblr",
    "unsplash",
    "zbrush central",
)


def read_vocabulary(folder: str | Path | None) -> dict[str, list[str]]:
    """Return the phrases by kind, from `folder`, or from the installed clip-interrogator if `folder` is None.

    An artist X becomes "by X" and "inspired by X". A site X becomes "X", "trending on X", "featured on X" and
    "X contest winner". Repeated phrases are dropped, so that no prompt has one twice.

    Raises:
        UserError: a file is missing, not UTF-8 or empty, or clip-interrogator is not installed.
    """
    if folder is None:
        data = _package_data()
        mediums, artists, movements, flavors = (
            _read_phrases(data / f"{kind}s.txt") for kind in KINDS if kind != "trending"
        )
        sites = list(SITES)
    else:
        mediums, artists, sites, movements, flavors = (_read_phrases(Path(file)) for file in vocabulary_files(folder))
    trendings = [
        form.format(site) for form in ("{}", "trending on {}", "featured on {}", "{} contest winner") for site in sites
    ]
    by_or_inspired_by = [f"{form} {artist}" for form in ("by", "inspired by") for artist in artists]
    phrases = (mediums, by_or_inspired_by, trendings, movements, flavors)
    return {kind: list(dict.fromkeys(found)) for kind, found in zip(KINDS, phrases, strict=True)}


def _package_data() -> Path:
    """Return clip-interrogator's data folder, without importing the package and all that it needs."""
    found = importlib.util.find_spec("clip_interrogator")
    if found is None or not found.submodule_search_locations:
        raise UserError(
            "prompts: vocabulary: it is not set, and clip-interrogator, the package with the default phrases, is not "
            "installed. Install it, or name a folder with "
            f"{', '.join(f'{kind}s.txt' for kind in KINDS)}."
        )
    return Path(next(iter(found.submodule_search_locations))) / "data"


def _read_phrases(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise UserError(
            f"prompts: vocabulary: {path} cannot be read ({error.strerror or error}). "
            f"The folder must have {', '.join(f'{kind}s.txt' for kind in KINDS)}, with one phrase per line."
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"prompts: vocabulary: {path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    phrases = [line.strip() for line in lines]
    phrases = [phrase for phrase in phrases if phrase]
    if not phrases:
        raise UserError(f"prompts: vocabulary: {path} has no phrases. Write at least one, one per line.")
    return phrases
