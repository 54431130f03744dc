"""The digest of a rule's code: whatever a job can import changes it, and nothing else does."""

import importlib.util
import re
import shutil
from modulefinder import ModuleFinder
from pathlib import Path
from types import ModuleType

import pytest

from aedr.study import code

SCRIPTS = Path(__file__).parents[3] / "workflow/scripts"
RULES = SCRIPTS.parent / "rules"


@pytest.fixture
def copied(tmp_path: Path) -> ModuleType:
    """The module `code` of a copy of the scripts, which a test may change; it digests that copy."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "scripts" / Path(code.__file__).relative_to(SCRIPTS)
    spec = importlib.util.spec_from_file_location("code_of_the_copy", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert tmp_path / "scripts" == module.SCRIPTS
    return module


def digested_files() -> set[tuple[str, ...]]:
    """Return the files that the rules name to `code_digest`, those of each rival's job too."""
    calls = re.findall(r"code_digest\(([^()]*)\)", "".join(path.read_text() for path in RULES.glob("*.smk")))
    named = {tuple(re.findall(r'"([\w/.{}]+\.py)"', call)) for call in calls}
    rivals = [path.stem for path in (SCRIPTS / "aedr/rivals").glob("*.py")]
    return {tuple(re.sub(r"{wildcards\.rival}", rival, file) for file in files) for files in named for rival in rivals}


def imported(scripts: Path, files: tuple[str, ...]) -> set[Path]:
    """Return the modules of `aedr` that files can import, by the standard library's reading of their bytecode."""
    modules = {scripts / file for file in files if file.startswith("aedr/")}
    for file in files:
        finder = ModuleFinder([str(scripts)])
        finder.run_script(str(scripts / file))
        modules |= {Path(m.__file__) for name, m in finder.modules.items() if name.split(".")[0] == "aedr"}
    return modules


def test_a_changed_module_changes_the_digests_of_the_jobs_that_can_import_it_and_of_no_others(copied) -> None:
    files = digested_files()
    assert len(files) > 30
    expected = {names: imported(copied.SCRIPTS, names) for names in files}
    before = {names: copied.code_digest(*names) for names in files}
    silent = {copied.SCRIPTS / (name.replace(".", "/") + ".py") for name in copied.WITHOUT_EFFECT_ON_RESULTS}
    assert all(path.is_file() for path in silent)
    for module in (copied.SCRIPTS / "aedr").rglob("*.py"):
        text = module.read_bytes()
        module.write_bytes(text + b"\n# changed\n")
        changed = {names for names in files if copied.code_digest(*names) != before[names]}
        module.write_bytes(text)
        using = {names for names in files if module in expected[names]} if module not in silent else set()
        assert changed == using, module


STYLES = [
    "import aedr.room.wanted",
    "import aedr.room.wanted as other",
    "from aedr.room import wanted",
    "from aedr.room import wanted as other",
    "from aedr.room.wanted import thing",
    "from aedr.room.wanted import *",
    "from aedr import room\nfrom aedr.room import nothing, wanted",
    "def late():\n    from aedr.room import wanted",
    "import importlib\nimportlib.import_module('aedr.room.wanted')",
    "from importlib import import_module\nimport_module('aedr.room.wanted')",
    "from aedr.room import through_a_relative_import",
    "from aedr.room import through_a_parent",
    "from aedr.hall import through_the_package",
]


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_import_is_followed(tmp_path: Path, style: str) -> None:
    files = {
        "script.py": style,
        "aedr/__init__.py": "",
        "aedr/room/__init__.py": "nothing = 0",
        "aedr/room/wanted.py": "thing = 1",
        "aedr/room/through_a_relative_import.py": "from . import wanted",
        "aedr/room/through_a_parent.py": "from ..room.wanted import thing",
        "aedr/room/unused.py": "",
        "aedr/hall/__init__.py": "from ..room.wanted import thing as through_the_package",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = {path.relative_to(tmp_path).as_posix() for path in code.imported_files([tmp_path / "script.py"], tmp_path)}
    # Python runs the packages that a module lies in, too.
    assert {"aedr/__init__.py", "aedr/room/__init__.py", "aedr/room/wanted.py"} <= found
    assert "aedr/room/unused.py" not in found


def test_a_module_that_does_not_exist_is_named(tmp_path: Path) -> None:
    (tmp_path / "aedr").mkdir()
    (tmp_path / "aedr/__init__.py").touch()
    (tmp_path / "script.py").write_text("from aedr.nowhere import thing")
    with pytest.raises(ModuleNotFoundError, match="aedr.nowhere"):
        code.imported_files([tmp_path / "script.py"], tmp_path)
