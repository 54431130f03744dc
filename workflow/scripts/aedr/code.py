"""A digest of the code that a job runs, since Snakemake does not notice a change in an imported module."""

import ast
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

# What these do shows in logs, messages and records of cost, never in a result.
WITHOUT_EFFECT_ON_RESULTS = {"jobs", "errors", "files", "costs"}
PACKAGE = Path(__file__).parent


def code_digest(*files: str, assets: Sequence[str] = ()) -> str:
    """Return a SHA-256 over the modules of `aedr` that files in `workflow/scripts` import, directly or not.

    A script's own text is left out: Snakemake watches that itself. A module of `aedr` among the files is included.
    `assets` are files of `workflow/report` that a script's pages are made of.
    """
    modules: set[Path] = set()
    waiting = {PACKAGE.parent / file for file in files}
    while waiting:
        file = waiting.pop()
        if PACKAGE in file.parents:
            modules.add(file)
        waiting |= _imported_modules(file) - modules
    digest = hashlib.sha256()
    for module in sorted(modules):
        digest.update(module.relative_to(PACKAGE).as_posix().encode() + b"\0" + module.read_bytes())
    for asset in assets:
        digest.update(asset.encode() + b"\0" + (PACKAGE.parents[1] / "report" / asset).read_bytes())
    return digest.hexdigest()


@functools.cache
def _imported_modules(file: Path) -> frozenset[Path]:
    """Return the files of the modules of `aedr` that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "aedr":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aedr."):
            names.add(str(node.module).removeprefix("aedr."))
        elif isinstance(node, ast.Import):
            names |= {alias.name.removeprefix("aedr.") for alias in node.names if alias.name.startswith("aedr.")}
    return frozenset(_file(name) for name in names - WITHOUT_EFFECT_ON_RESULTS)


def _file(module: str) -> Path:
    file = PACKAGE / f"{module.replace('.', '/')}.py"
    return file if file.is_file() else PACKAGE / module.replace(".", "/") / "__init__.py"
