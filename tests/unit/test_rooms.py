"""The rooms of the house: what each may import, also inside functions."""

import subprocess
import sys
from pathlib import Path

import pytest

from aedr.study.code import imported_files, imported_names

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
ROOMS = [
    *[
        "hall",
        "study",
        "tables",
        "weights",
        "images",
        "claims",
        "observations",
        "prompts",
        "autoencoders",
        "reconstruction",
        "rivals",
        "denoisers",
    ],
    *["scoring", "robustness", "verdicts", "figures", "pages", "demo"],
]
MODULES = sorted((SCRIPTS / "aedr").rglob("*.py"))
JOBS = sorted(SCRIPTS.glob("*.py"))


def room_of(module: str) -> str:
    """Return the room of a dotted name in `aedr`; what lies in no folder is the hall."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and (SCRIPTS / "aedr" / parts[1]).is_dir() else "hall"


def draws(file: Path) -> bool:
    return any(name.split(".")[0] == "matplotlib" for name in imported_names(file, SCRIPTS))


def test_every_folder_is_a_room() -> None:
    assert {folder.name for folder in (SCRIPTS / "aedr").iterdir() if (folder / "__init__.py").is_file()} == set(
        ROOMS[1:]
    )


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(SCRIPTS / "aedr")))
def test_a_room_imports_only_itself_and_rooms_before_it(file: Path) -> None:
    room = room_of(".".join(file.relative_to(SCRIPTS).with_suffix("").parts))
    used = {room_of(name) for name in imported_names(file, SCRIPTS) if name.split(".")[0] == "aedr"}
    assert {name for name in used if ROOMS.index(name) > ROOMS.index(room)} == set()


@pytest.mark.parametrize("room", ["scoring", "robustness", "verdicts"])
def test_what_is_scored_is_not_drawn(room: str) -> None:
    reached = imported_files(sorted((SCRIPTS / "aedr" / room).glob("*.py")), SCRIPTS)
    assert len(reached) > 3 and [file for file in reached if draws(file)] == []


def test_scripts_draw_nothing() -> None:
    assert len(JOBS) > 30 and [file.name for file in JOBS if draws(file)] == []


def test_what_snakemake_imports_is_light() -> None:
    """Planning a study takes no second for NumPy, and needs no environment but Snakemake's own."""
    modules = [
        ".".join(file.relative_to(SCRIPTS).with_suffix("").parts).removesuffix(".__init__")
        for file in sorted((SCRIPTS / "aedr/study").glob("*.py"))
    ]
    assert "aedr.study.configuration" in modules
    code = (
        f"import importlib, sys\nfor module in {modules}: importlib.import_module(module)\n"
        "print(*{'numpy', 'pandas', 'torch'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True)
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr + run.stdout


def test_no_measurement_knows_what_files_claim() -> None:
    """So a change there measures nothing again, and a claim can reach no verdict but beside it."""
    reached = {job.name: imported_files([job], SCRIPTS) for job in JOBS}
    knowing = {name for name, files in reached.items() if SCRIPTS / "aedr/claims/__init__.py" in files}
    assert knowing == {"read_claims.py", "attribute_images.py"}
