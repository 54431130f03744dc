"""Damaged images beside a study: what they cost, and that they leave the study alone."""

import shutil

import numpy as np
import pandas as pd

from studies import planned_jobs, results, run_snakemake

CROPPED = {"crop-3": [{"crop": {"rows": 3, "columns": 3}}, {"search_grid": {}}]}
ROBUSTNESS = {"collect_robustness": 1, "plot_robustness": 1, "record_configuration": 1, "write_report": 1}


def test_a_transform_added_costs_its_own_jobs_and_the_collecting_ones(study, root) -> None:
    folder, config = study
    each = {"transform_images": 3, "measure_homogeneity": 3, "read_histories": 3, "reconstruct_images": 6}
    each["evaluate_robustness"] = 1
    each["measure_rival"] = 6 + 3
    assert planned_jobs(folder, config | {"transforms": {"weak": [{"jpeg": 90}]}}, root=root) == ROBUSTNESS | each
    strengths = {"weak": [{"jpeg": 90}], "strong": [{"jpeg": 50}]}
    twice = {rule: 2 * count for rule, count in each.items()} | {"plot_strengths": 1}
    assert planned_jobs(folder, config | {"transforms": strengths}, root=root) == ROBUSTNESS | twice
    # Searched images are compared with undamaged ones that are searched too, and no rival searches.
    del twice["plot_strengths"], twice["measure_rival"]
    assert planned_jobs(folder, config | {"transforms": CROPPED}, root=root) == ROBUSTNESS | twice


def test_damaged_images_are_scored_beside_the_study_and_leave_it_alone(study, root, tmp_path) -> None:
    copy = tmp_path / "study"
    shutil.copytree(study[0], copy)
    of_one = study[1] | {"select": ["sd"]}
    run = run_snakemake(copy, of_one, root=root)
    assert run.returncode == 0, run.stdout
    before = {path: path.read_bytes() for path in (copy / "results").rglob("*.parquet")}
    # A limit that changes makes nothing again, and is reported.
    damaged = of_one | {"transforms": CROPPED, "max_pixels": 10**9}
    run = run_snakemake(copy, damaged, root=root)
    assert run.returncode == 0, run.stdout
    assert "results/images/pictures/00000.parquet" in run.stdout and "1 of its images stay refused" in run.stdout
    assert {path for path, content in before.items() if path.read_bytes() != content} == set()
    assert planned_jobs(copy, damaged, root=root) == {}

    originals = results(copy, "images", "results/images/pictures/*").set_index("image_id")
    images = results(copy, "images", "results/images/pictures.crop-3/*").set_index("image_id")
    assert images.index.equals(originals.index) and (images["transform"] == "crop-3").all()
    assert images.loc["pictures/rotated.jpg", ["width", "height", "format"]].tolist() == [29, 45, "PNG"]
    unusable = originals["reason"].notna()
    assert images.loc[unusable, "reason"].equals(originals.loc[unusable, "reason"])
    assert set(images.index[images["reason"].notna() & ~unusable]) == {"pictures/one pixel wide.png"}
    assert (results(copy, "images", "results/images/pictures.searched/*")["sha256"] == originals["sha256"].values).all()

    robustness = results(copy, "robustness", "results/robustness/*").set_index(["transform", "protocol"])
    cells = {"sources": 2, "metrics": 3, "signals": 6}
    assert len(robustness) == 2 * 2 * np.prod(list(cells.values()))
    # Compared with itself, what is not damaged has the same scores by both protocols.
    alike, untouched = (robustness.loc[("searched", protocol)] for protocol in ("alike", "untouched"))
    pd.testing.assert_frame_equal(alike.reset_index(drop=True), untouched.reset_index(drop=True))
    means = pd.read_csv(copy / "results/robustness.csv")
    assert list(means["transform"].unique()) == ["untouched", "crop-3", "searched"]
    assert (copy / "results/plots/robustness.png").stat().st_size
