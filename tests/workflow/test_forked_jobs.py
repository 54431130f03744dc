"""A run whose jobs are forks of one Python: what Snakemake measures of them is theirs, and each has its own log."""

import csv
from pathlib import Path

import pytest

import studies
from studies import run_snakemake

TABLE = "results/homogeneity/pictures/00000.parquet"
# Half a gigabyte and a second of CPU time, and who began the job.
WORK = """
    import os, time
    room, began = bytearray(500_000_000), time.process_time()
    while time.process_time() < began + 1: pass
    open("parent", "w").write(open(f"/proc/{os.getppid()}/cmdline").read())
    print("worked")
"""


@pytest.mark.parametrize("preload", [True, False])
def test_a_benchmark_measures_the_fork(tmp_path: Path, preload: bool) -> None:
    for name in ("clone", "models/made"):
        (tmp_path / name).mkdir(parents=True)
    studies.write_pictures(tmp_path / "pictures", usable=4)
    config = {
        "device": "cpu",
        "preload": preload,
        "image_sets": {"pictures": {"folder": "pictures"}},
        "models": {"made": {"folder": "pictures", "path": "models/made"}},
    }
    root = studies.copy_workflow(tmp_path / "clone")
    script = root / "workflow/scripts/measure_homogeneity.py"
    begin = "    from importlib.metadata import version\n"
    script.write_text(script.read_text().replace(begin, WORK + begin, 1))
    run = run_snakemake(tmp_path, config, TABLE, root=root)
    assert run.returncode == 0, run.stdout
    assert ("preloading_server.py" in (tmp_path / "parent").read_text()) == preload
    assert "worked" in (tmp_path / "results/logs/measure_homogeneity/pictures/00000.log").read_text()
    with (tmp_path / "results/benchmarks/measure_homogeneity/pictures/00000.tsv").open() as lines:
        measured = {
            key: float(value) for key, value in next(csv.DictReader(lines, delimiter="\t")).items() if ":" not in key
        }
    assert measured["cpu_time"] > (1 if preload else 0.5)
    # The half gigabyte, in units of 2^20 bytes.
    assert measured["max_rss"] > 476 and measured["max_uss"] > 476 and measured["mean_load"] > 0
