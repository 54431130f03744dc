"""The environments pin what `make test` tests, and hold what their scripts import and nothing else."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from aedr.study import code

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow/scripts"

# The distribution that brings a module, where the names differ.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "c2pa": "c2pa-python",
    "cv2": "opencv-python-headless",
    "open_clip": "open_clip_torch",
    "sd_parsers": "sd-parsers",
    "skimage": "scikit-image",
}
DISTRIBUTIONS |= {"sklearn": "scikit-learn", "yaml": "PyYAML"}

# Needed without being imported by name: loaders, tokenizers and data that the libraries look for.
SILENT = {
    "analysis": set(),
    "claims": set(),
    "prompts": {"clip-interrogator", "torchvision"},
    "diffusion": {"accelerate", "protobuf", "sentencepiece", "torchvision"},
    "vqdm": {"accelerate", "sentencepiece", "torchvision"},
    "demo": {"torchvision"},
}


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\s*(?:- )?([\w-]+)==(\S+)$", text, re.M))


def rules() -> list[tuple[str, set[str]]]:
    """Return each script of the workflow with the environments that its rules name."""
    found = []
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"^\s*(?:rule|checkpoint) ", file.read_text(), flags=re.M)[1:]:
            script = re.search(r'"\.\./scripts/(\w+\.py)"', rule)
            named = re.search(r'conda:\s+environment\("(\w+)"\)', rule)
            if script:
                found.append((script[1], {named[1]} if named else {"diffusion", "vqdm"}))
    return found


def imports(script: str) -> set[str]:
    """Return the distributions that a script imports, through the shared package too."""
    # Rivals are imported by the names in the configuration.
    rivals = sorted((SCRIPTS / "aedr/rivals").glob("*.py")) if script == "measure_rival.py" else []
    modules = {
        module.split(".")[0]
        for file in code.imported_files([SCRIPTS / script, *rivals], SCRIPTS)
        for module in code.imported_names(file, SCRIPTS)
    }
    return {DISTRIBUTIONS.get(module, module) for module in modules - sys.stdlib_module_names - {"aedr"}}


@pytest.mark.parametrize("name", SILENT)
def test_an_environment_holds_what_its_scripts_import_at_the_tested_versions(name) -> None:
    environment = yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    pinned = pins((ROOT / f"envs/{name}.yaml").read_text())
    tested = pins((ROOT / "requirements.txt").read_text())
    needed = set().union(*(imports(script) for script, names in rules() if name in names)) | SILENT[name]
    assert set(pinned) == needed
    if name != "vqdm":
        assert pinned == {package: tested[package] for package in pinned}


def test_every_rule_with_a_script_names_an_environment_that_exists() -> None:
    assert len(rules()) > 10
    for script, names in rules():
        assert (SCRIPTS / script).exists()
        assert all((ROOT / f"envs/{name}.yaml").exists() for name in names)
