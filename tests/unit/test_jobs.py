"""What a job says of its progress: bars only where somebody watches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

JOB = """
from types import SimpleNamespace
from aedr.jobs import job, progress
with job(SimpleNamespace(log=["job.log"], threads=1, resources={}, output=[])):
    assert list(progress(range(3), 3, "images")) == [0, 1, 2]
"""


@pytest.mark.parametrize("watched", [True, False])
def test_bars_are_shown_where_somebody_watches_and_always_logged(watched, tmp_path) -> None:
    terminal, shown = os.openpty() if watched else os.pipe()
    package = Path(__file__).parents[2] / "workflow/scripts"
    subprocess.run(
        [sys.executable, "-c", JOB],
        cwd=tmp_path,
        stderr=shown,
        env=os.environ | {"PYTHONPATH": str(package)},
        check=True,
    )
    os.write(shown, b"end")
    os.close(shown)
    said = os.read(terminal, 2**16).decode()
    os.close(terminal)
    assert ("images: 100%" in said) == watched
    assert "images: 100%" in (tmp_path / "job.log").read_text()
