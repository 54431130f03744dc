"""A digest of the code that a job runs. Snakemake does not notice changes in imported modules."""

import ast
import functools
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

# These affect logs, messages, recorded costs and whether a job begins, never a result.
WITHOUT_EFFECT_ON_RESULTS = frozenset({"aedr.jobs", "aedr.errors", "aedr.files", "aedr.costs", "aedr.gpus"})
SCRIPTS = Path(__file__).parents[2]
PACKAGE = "aedr"


def code_digest(*files: str, assets: Sequence[str] = ()) -> str:
    """Return the SHA-256 of the modules of `aedr` that files in `workflow/scripts` import, directly or not.

    A script's own text is left out: Snakemake watches it. Modules of `aedr` among the files are included. `assets` are
    files below `workflow` that these modules read, such as the templates of pages.
    """
    digest = hashlib.sha256()
    for module in imported_files([SCRIPTS / file for file in files], SCRIPTS, WITHOUT_EFFECT_ON_RESULTS):
        if SCRIPTS / PACKAGE in module.parents:
            digest.update(module.relative_to(SCRIPTS).as_posix().encode() + b"\0" + module.read_bytes())
    for asset in assets:
        digest.update(asset.encode() + b"\0" + (SCRIPTS.parent / asset).read_bytes())
    return digest.hexdigest()


def imported_files(files: Sequence[Path], scripts: Path, without: frozenset[str] = frozenset()) -> list[Path]:
    """Return the files and those of every module of `aedr` that they import, directly or not, sorted.

    Every style of import is followed, also inside functions: `import aedr.room.module`, `from aedr.room import module`
    or a name in it, relative imports, and `importlib.import_module` of a literal name. A module's parent packages are
    included, because Python runs their `__init__` first.

    Args:
        scripts: the folder that contains `aedr`.
        without: names of modules to leave out, together with what they import.

    Raises:
        ModuleNotFoundError: a file imports a module of `aedr` that does not exist.
    """
    found: set[Path] = set()
    waiting = set(files)
    while waiting:
        file = waiting.pop()
        found.add(file)
        waiting |= _imported_modules(file, scripts, without) - found
    return sorted(found)


@functools.cache
def _imported_modules(file: Path, scripts: Path, without: frozenset[str]) -> frozenset[Path]:
    """Return the files of the modules of `aedr` that a file imports anywhere, except those in `without`."""
    modules: set[Path] = set()
    for name in imported_names(file, scripts):
        if name.split(".")[0] != PACKAGE:
            continue
        # Importing aedr.room.module also runs aedr and aedr.room. The last part may be a name inside a module.
        for module in itertools.accumulate(name.split("."), "{}.{}".format):
            found = _file_of(module, scripts)
            if found is None and module != name:
                raise ModuleNotFoundError(f"{file} imports {name}, but there is no {module}")
            if found is not None and module not in without:
                modules.add(found)
    return frozenset(modules)


@functools.cache
def imported_names(file: Path, scripts: Path) -> frozenset[str]:
    """Return the dotted names that a file in the folder `scripts` imports: modules, and names from them."""
    return frozenset(_imported_names(file, scripts))


def _imported_names(file: Path, scripts: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = file.relative_to(scripts).parts[: -node.level]
                module = ".".join([*package, *([module] if module else [])])
            yield from (module if alias.name == "*" else f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "import_module"):
            yield from (str(part.value) for part in node.args[:1] if isinstance(part, ast.Constant))


def _file_of(module: str, scripts: Path) -> Path | None:
    path = scripts.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
