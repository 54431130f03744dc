"""A digest of the code that a job runs, since Snakemake does not notice a change in an imported module."""

import ast
import functools
import hashlib
from pathlib import Path

# What these do shows in logs, messages and records of cost, never in a result.
WITHOUT_EFFECT_ON_RESULTS = {"jobs", "errors", "files", "costs"}


def code_digest(script: str) -> str:
    """Return a SHA-256 over the modules of `aedr` that a script in `workflow/scripts` imports, directly or not.

    The script's own text is left out: Snakemake watches that itself.
    """
    package = Path(__file__).parent
    modules: set[str] = set()
    waiting = set(_imported_modules(package.parent / script))
    while waiting:
        module = waiting.pop()
        if module not in modules | WITHOUT_EFFECT_ON_RESULTS:
            modules.add(module)
            waiting |= _imported_modules(package / f"{module}.py")
    digest = hashlib.sha256()
    for module in sorted(modules):
        digest.update(module.encode() + b"\0" + (package / f"{module}.py").read_bytes())
    return digest.hexdigest()


@functools.cache
def _imported_modules(file: Path) -> frozenset[str]:
    """Return the names of the modules of `aedr` that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "aedr":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aedr."):
            found.add(str(node.module).removeprefix("aedr."))
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("aedr.") for alias in node.names if alias.name.startswith("aedr.")}
    return frozenset(found)
