"""The documents' commands, followed word for word in a fresh clone; those that need a GPU or a network are planned."""

import os
import re
import shutil
import subprocess

import pytest

from documents import ROOT, Example, examples

SHELL = [example for example in examples() if example.language in ("", "sh") and example.how != "not run"]
PLAN = 'snakemake() { command snakemake "$@" --dry-run --quiet rules; }\n'


@pytest.fixture(scope="module")
def reader(demo):
    """A clone whose reader ran the demo, and has the photographs, images and files that the pages ask for."""
    photographs = sorted((ROOT / "demo/photographs").iterdir())
    for folder in ("data/real", "data/film", "data/made_elsewhere", "my_images"):
        (demo / folder).mkdir(parents=True)
        for photograph in photographs[:3]:
            shutil.copy(photograph, demo / folder)
    (demo / "prompts.txt").write_text("a cat\na dog\na house\n")
    for example in examples():
        if example.how == "file":
            (demo / example.what).write_text(example.text)
    return demo


def test_the_demo_shows_its_matrix_and_writes_its_report(demo) -> None:
    said = (demo / "said.txt").read_text()
    assert re.search(r"^ *demo-vq( +\S+){4} +\[\d+\.\d\] +\S+$", said, re.M), said
    assert (demo / "results/demo/report.html").stat().st_size


@pytest.mark.parametrize("example", SHELL, ids=[f"{example.page}: {example.text.splitlines()[0]}" for example in SHELL])
def test_a_command_works(reader, example: Example) -> None:
    script = (PLAN if example.how == "plan" else "") + ". .venv/bin/activate\n" + example.text
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=reader,
        env=os.environ | {"CORES": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout
