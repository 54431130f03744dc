"""A stand-in for conda, which is not on PyPI: it answers what Snakemake asks, and makes environments with venv and pip.

Every package of the file's `pip:` section is installed at its version, in an environment that holds nothing else. Only
torch's own files, of five gigabytes, are linked from the environment of the tests before pip looks at them: pip keeps
them where they are of the wanted version and replaces them where not. Python is that of the tests, whatever the file
says.
"""

import argparse
import json
import os
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import yaml

import distributions

LINKED = ("torch", "triton")
LINKED_FAMILIES = ("nvidia-", "cuda-")


def install(folder: Path) -> Path:
    """Write the command `conda` and its `activate` to `folder`/bin, and return that folder."""
    (folder / "bin").mkdir(parents=True)
    command = folder / "bin/conda"
    environment = f'PYTHONPATH="{Path(__file__).parent}" STAND_IN="{folder}"'
    command.write_text(f'#!/bin/sh\n{environment} exec "{sys.executable}" "{__file__}" "$@"\n')
    command.chmod(0o755)
    (folder / "bin/activate").write_text('export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n')
    return folder / "bin"


def create_environment(file: Path, prefix: Path) -> None:
    """Make the environment that the file describes."""
    (pins,) = [entry["pip"] for entry in yaml.safe_load(file.read_text())["dependencies"] if isinstance(entry, dict)]
    site_packages = bare_environment(prefix)
    if any(pin.startswith("torch==") for pin in pins):
        installed = {distribution.name.lower() for distribution in metadata.distributions()}
        linked = [name for name in installed if name in LINKED or name.startswith(LINKED_FAMILIES)]
        distributions.link(linked, site_packages)
    pip = [sys.executable, "-m", "pip", "--python", str(prefix / "bin/python"), "install", "--quiet", "--no-compile"]
    subprocess.run([*pip, *pins], check=True)


def bare_environment(prefix: Path) -> Path:
    """Make an environment that holds nothing, not even pip, and return its site-packages."""
    venv.create(prefix, symlinks=True)
    (site_packages,) = prefix.glob("lib/python*/site-packages")
    return site_packages


def main() -> None:
    match sys.argv[1:]:
        case ["--version"]:
            print("conda 24.7.1")
        case ["info", *_]:
            print(json.dumps({"conda_prefix": os.environ["STAND_IN"], "platform": "linux-64"}))
        case ["config", *_]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", *arguments]:
            parser = argparse.ArgumentParser()
            parser.add_argument("--file", type=Path, required=True)
            parser.add_argument("--prefix", type=Path, required=True)
            known, _ = parser.parse_known_args(arguments)
            create_environment(known.file, known.prefix)


if __name__ == "__main__":
    main()
