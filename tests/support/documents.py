"""The examples in the documents: every fenced block, and the comment before it that says how a test takes it."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"(?:^<!-- (plan|not run|file)(?:: ([^>]+?))? -->\n)?^```(\S*)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Example:
    """A fenced block of a page.

    `how` is "" for one that is run as it is, "plan" for one whose snakemake lines become dry runs, "not run" with the
    reason as `what`, and "file" for what the reader writes to the file `what`.
    """

    page: str
    how: str
    what: str
    language: str
    text: str


def examples() -> list[Example]:
    """Return the examples of all pages in their order."""
    return [
        Example(page.relative_to(ROOT).as_posix(), *found.groups(default=""))
        for page in PAGES
        for found in BLOCK.finditer(page.read_text())
    ]
