"""Jobs that collect a study hold one family's rows at a time, so that many families need no more memory than one."""

import gc
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import collecting
import pandas as pd
import pytest

from aedr.pages import report
from aedr.tables import files
from aedr.verdicts import calibration_file

# Modules that the reader of tables is looked up in.
READERS = (files, report, calibration_file)
SOURCES = ["model-0", "model-1", "photographs"]
# Of how many families each job reads signals or losses of images.
READ = [
    ("compute_signals", 2),
    ("fit_threshold", 2),
    ("evaluate_accuracy", 2),
    ("compare_methods", 0),
    ("export_calibration", 2),
    ("check_calibration", 0),
    ("evaluate_robustness", 2),
    ("collect_robustness", 0),
    ("plot_comparison", 0),
    ("plot_signals", 1),
    ("plot_signals", 1),
    ("write_report", 2),
]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory) -> Iterator[list[partial[None]]]:
    with pytest.MonkeyPatch.context() as patched:
        metrics = [collecting.ATTRIBUTION[key] for key in ("metric", "verdict_metric", "second_metric")]
        patched.setattr(collecting, "METRICS", [metric for metric in dict.fromkeys(metrics) if metric])
        study = collecting.Study(tmp_path_factory.mktemp("study"), 180, SOURCES, SOURCES[:2], 30)
        study.write()
        yield list(collecting.jobs(study))


def watched(read: Callable[..., pd.DataFrame], held: list[tuple[weakref.ref, str]]) -> Callable[..., pd.DataFrame]:
    """Return a reader that fails if it reads two families, or if another family's rows are still in memory."""

    def reading(path: Any, name: str, **only: Any) -> pd.DataFrame:
        rows = read(path, name, **only)
        if name in ("signals", "losses"):
            (family,) = set(rows["autoencoder"])
            if any(reference() is not None for reference, other in held if other != family):
                gc.collect()
            assert {other for reference, other in held if reference() is not None} <= {family}
            held.append((weakref.ref(rows), family))
        return rows

    return reading


def test_no_job_reads_a_family_while_it_holds_another(jobs, monkeypatch) -> None:
    found = []
    for job in jobs:
        held: list[tuple[weakref.ref, str]] = []
        with monkeypatch.context() as patched:
            one, several = watched(files.read_table, held), watched(files.read_tables, held)
            for module in READERS:
                patched.setattr(module, "read_table", one)
            patched.setattr(files, "read_tables", several)
            job()
        found.append((job.func.__name__, len({family for _, family in held})))
    assert found == READ
    assert Path(jobs[-1].keywords["output"]).stat().st_size
