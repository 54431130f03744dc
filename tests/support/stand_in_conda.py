"""A stand-in for conda, which is not on PyPI: it answers what Snakemake asks, and makes environments with venv and pip.

Every package of the file's `pip:` section is installed at its version, in an environment that holds nothing else but
what these need. What the environment of the tests holds at that version is linked from there, with its needs, before
pip looks at all of it and installs the rest. Python is that of the tests, whatever the file says.
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
from packaging.utils import canonicalize_name

import distributions


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
    here = {f"{canonicalize_name(found.name)}=={found.version}" for found in metadata.distributions()}
    wanted = (pin.split("==") for pin in pins)
    linked = [name for name, version in wanted if f"{canonicalize_name(name)}=={version}" in here]
    distributions.link(distributions.closure(linked), site_packages)
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
