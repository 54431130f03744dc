"""A whole small study, run as a user runs it; then what a change costs."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

import distributions
import stand_in_conda
import studies
import tiny_models
from studies import planned_jobs, results, run_snakemake

COLLECTING = {
    "compute_signals": 1,
    "fit_threshold": 1,
    "evaluate_accuracy": 1,
    "export_calibration": 1,
    "plot_accuracy": 1,
    "plot_comparison": 1,
    "record_configuration": 1,
    "compare_methods": 1,
    "plot_methods": 1,
    "write_report": 1,
}
RIVALS = {"rivals": ["hfi", "codebook"], "rival_settings": {"hfi": {"distance": "l2"}}}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A copy of the workflow, whose code a test may change."""
    return studies.copy_workflow(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def study(tmp_path_factory, root) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("study")
    config = studies.write_study(folder) | RIVALS
    run = run_snakemake(folder, config, root=root)
    assert run.returncode == 0, run.stdout
    (folder / "said.txt").write_text(run.stdout)
    return folder, config


def without_rivals(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["metric"].isin(RIVALS["rivals"])].reset_index(drop=True) if "metric" in table else table


def test_a_run_that_nobody_watches_says_its_plan_and_what_came_of_it(study) -> None:
    folder, _ = study
    said = (folder / "said.txt").read_text()
    assert "generate_images" in said and "Finished jobid" not in said and "it/s" not in said
    cells = results(folder, "accuracy", "results/accuracy.parquet")
    cells = cells[(cells["metric"] == "high_frequency") & (cells["signal"] == "residual")]
    cells = cells[cells["protocol"] == "held_out"].set_index(["autoencoder", "source"])["accuracy"]
    row = re.search(r"^ *vq +(\S+) +\[(\S+)\] +(\S+)$", said, re.M)
    assert row is not None
    assert [float(cell) for cell in row.groups()] == [
        round(100 * cells["vq", source], 1) for source in ("sd", "vq", "pictures")
    ]
    assert "results/accuracy.csv" in said


def test_a_run_on_a_terminal_says_what_runs(study, root) -> None:
    folder, config = study
    arguments = ["--forcerun", "read_prompts", "--until", "read_prompts"]
    terminal, of_snakemake = os.openpty()
    run = run_snakemake(folder, config, *arguments, root=root, output=of_snakemake)
    os.write(of_snakemake, b"end of the test")
    said = ""
    while "end of the test" not in said:
        said += os.read(terminal, 2**16).decode()
    os.close(of_snakemake)
    os.close(terminal)
    assert run.returncode == 0, said
    assert re.search(r"Job \d+: prompts", said) and "1 of 1 steps (100%) done" in said


def test_every_table_and_picture_is_made(study) -> None:
    folder, _ = study
    accuracy = results(folder, "accuracy", "results/accuracy.parquet")
    # Two autoencoders, three sources, two metrics, five signals held out and three as published.
    assert len(without_rivals(accuracy)) == 2 * 3 * 2 * (5 + 3)
    assert set(accuracy.loc[accuracy["belonging"], "source"]) == {"sd", "vq"}
    made = [
        "accuracy.csv",
        "accuracy_means.csv",
        "autoencoders.csv",
        "configuration.yaml",
        "plots/accuracy.png",
        "plots/comparison.svg",
        "plots/signals/vq.pdf",
        "report.html",
        "plots/contact_sheets/pictures.pdf",
        "methods.csv",
        "plots/methods.png",
    ]
    assert all((folder / "results" / name).stat().st_size for name in made)
    assert yaml.safe_load((folder / "results/configuration.yaml").read_text())["reconstruction"]["encoding"] == "mode"


def test_rivals_are_measured_where_they_apply_and_set_beside_the_other_methods(study) -> None:
    folder, _ = study
    measured = {
        str(path.relative_to(folder / "results/rivals").parent) for path in folder.glob("results/rivals/*/*/*/*")
    }
    of_hfi = {f"hfi/{autoencoder}/{source}" for autoencoder in ("sd", "vq") for source in ("sd", "vq", "pictures")}
    assert measured == of_hfi | {f"codebook/vq/{source}" for source in ("sd", "vq", "pictures")}
    accuracy = results(folder, "accuracy", "results/accuracy.parquet")
    assert set(accuracy.loc[accuracy["metric"] == "hfi", "signal"]) == {"first_loss"}
    methods = results(folder, "methods", "results/methods.parquet").set_index(["method", "autoencoder"])
    assert (methods["seconds_per_image"] > 0).all() and (methods["peak_memory_bytes"] > 10**8).all()
    cells = accuracy[(accuracy["metric"] == "hfi") & (accuracy["protocol"] == "held_out")]
    cell = cells.set_index(["autoencoder", "source"])["accuracy"]
    assert methods.loc[("HFI", "vq"), "accuracy_against_other_models"] == cell["vq", "sd"]
    assert methods.loc[("HFI", "(mean)"), "accuracy_against_real_images"] == pytest.approx(
        (cell["vq", "pictures"] + cell["sd", "pictures"]) / 2
    )
    assert set(methods.loc["codebook ratio"].index) == {"vq", "(mean)"}
    # One reconstruction costs less than two with the same metric.
    assert (
        methods.loc[("first loss alone", "sd"), "seconds_per_image"]
        < methods.loc[("loss ratio", "sd"), "seconds_per_image"]
    )


def test_a_rival_added_costs_its_own_jobs_and_the_collecting_ones(study, root) -> None:
    folder, config = study
    added = config | {"rivals": [*config["rivals"], "latent_tracer"]}
    assert planned_jobs(folder, added, root=root) == COLLECTING | {"measure_rival": 2 * 3, "plot_signals": 2}


def test_every_picture_ends_in_a_row_with_a_meaning(study) -> None:
    folder, _ = study
    images = results(folder, "images", "results/images/pictures/*").set_index("image_id")
    assert len(images) == len(list((folder / "pictures").iterdir()))
    reasons = images["reason"].to_dict()
    for name, reason in studies.BAD_PICTURES.items():
        told = reasons.pop(f"pictures/{name}")
        assert (reason in told) if reason else pd.isna(told), name
    assert all(pd.isna(reason) for reason in reasons.values())
    assert images.loc["pictures/twice a.png", "sha256"] == images.loc["pictures/twice b.png", "sha256"]
    untouched = (folder / "pictures/cmyk.jpg").read_bytes()
    assert images.loc["pictures/cmyk.jpg", "image"]["bytes"] == untouched
    assert tuple(images.loc["pictures/rotated.jpg", ["width", "height"]]) == (32, 48)

    signals = results(folder, "signals", "results/signals.parquet")
    of_pictures = signals[(signals["source"] == "pictures") & (signals["metric"] == "l2")]
    assert len(of_pictures) == 2 * len(images)
    has_signal = of_pictures["calibrated_ratio"].notna()
    assert (has_signal == of_pictures["reason"].isna()).all()
    without = set(of_pictures.loc[~has_signal, "image_id"].str.removeprefix("pictures/"))
    assert without == {name for name in studies.BAD_PICTURES if name != "constant.png"}


def test_a_second_run_does_nothing(study, root) -> None:
    assert planned_jobs(*study, root=root) == {}


def test_a_model_added_costs_its_own_jobs_and_the_collecting_ones(study, root) -> None:
    folder, config = study
    tiny_models.save_stable_diffusion(folder / "models/new", seed=9)
    entry = config["models"]["sd"] | {"path": "models/new"}
    planned = planned_jobs(folder, config | {"models": config["models"] | {"new": entry}}, root=root)
    # Its autoencoder on four sources, and its images under the two others.
    own = {"generate_images": 1, "measure_homogeneity": 1, "plot_contact_sheet": 1, "reconstruct_images": 4 + 2}
    # Whether it has a codebook is not known before it is identified.
    own |= {"identify_autoencoder": 1, "measure_rival": (4 + 2) + (4 + 1)}
    assert planned == COLLECTING | own | {"collect_autoencoders": 1, "plot_signals": 3}


def test_models_that_share_an_autoencoder_share_its_jobs(study, root) -> None:
    folder, config = study
    entry = config["models"]["sd"] | {"autoencoder": "sd"}
    planned = planned_jobs(folder, config | {"models": config["models"] | {"twin": entry}}, root=root)
    assert planned["reconstruct_images"] == 2
    assert not {"identify_autoencoder", "collect_autoencoders"} & set(planned)


def test_the_significance_level_touches_only_what_follows_from_it(study, root) -> None:
    folder, config = study
    planned = planned_jobs(folder, config | {"attribution": {"significance_level": 0.1}}, root=root)
    assert planned == {
        "fit_threshold": 1,
        "evaluate_accuracy": 1,
        "plot_accuracy": 1,
        "plot_comparison": 1,
        "plot_signals": 2,
        "record_configuration": 1,
        "compare_methods": 1,
        "plot_methods": 1,
        "write_report": 1,
    }


@pytest.mark.parametrize("key, value", [("batch_size", 1), ("autoencoder", {"batch_size": 1})])
def test_a_batch_size_reruns_nothing_but_the_record_and_the_report(study, root, key, value) -> None:
    folder, config = study
    models = config["models"] | {"sd": config["models"]["sd"] | {key: value}}
    assert planned_jobs(folder, config | {"models": models}, root=root) == {
        "record_configuration": 1,
        "write_report": 1,
    }


def test_a_picture_added_reruns_its_image_set_alone(study, root) -> None:
    folder, config = study
    added = folder / "pictures/zz.png"
    shutil.copy(folder / "pictures/alpha.png", added)
    try:
        planned = planned_jobs(folder, config | {"images_per_source": 21, "shard_size": 21}, root=root)
    finally:
        added.unlink()
    assert planned["import_images"] == 1 and planned["reconstruct_images"] == 2
    assert "generate_images" not in planned


def test_a_changed_module_reruns_the_rules_that_use_it(study, root) -> None:
    module = root / "workflow/scripts/aedr/reconstruction/losses.py"
    text = module.read_text()
    module.write_text(text + "\n# changed\n")
    try:
        planned = planned_jobs(*study, root=root)
    finally:
        module.write_text(text)
    assert planned["reconstruct_images"] == 6
    assert not {"generate_images", "import_images", "measure_homogeneity"} & set(planned)


CROPPED = {"crop-3": [{"crop": {"rows": 3, "columns": 3}}, {"search_grid": {}}]}
ROBUSTNESS = {"collect_robustness": 1, "plot_robustness": 1, "record_configuration": 1, "write_report": 1}


def test_a_transform_added_costs_its_own_jobs_and_the_collecting_ones(study, root) -> None:
    folder, config = study
    each = {"transform_images": 3, "measure_homogeneity": 3, "reconstruct_images": 6, "evaluate_robustness": 1}
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
    damaged = of_one | {"transforms": CROPPED}
    run = run_snakemake(copy, damaged, root=root)
    assert run.returncode == 0, run.stdout
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
    cells = {"sources": 2, "metrics": 2, "signals": 5}
    assert len(robustness) == 2 * 2 * np.prod(list(cells.values()))
    # Compared with itself, what is not damaged has the same scores by both protocols.
    alike, untouched = (robustness.loc[("searched", protocol)] for protocol in ("alike", "untouched"))
    pd.testing.assert_frame_equal(alike.reset_index(drop=True), untouched.reset_index(drop=True))
    means = pd.read_csv(copy / "results/robustness.csv")
    assert list(means["transform"].unique()) == ["untouched", "crop-3", "searched"]
    assert (copy / "results/plots/robustness.png").stat().st_size


def test_tables_do_not_depend_on_shards_batches_or_cores(study, root, tmp_path) -> None:
    folder, config = study
    for name in ["models", "pictures", "prompts.txt"]:
        (tmp_path / name).symlink_to(folder / name)
    models = {name: entry | {"autoencoder": {"batch_size": 3}} for name, entry in config["models"].items()}
    other = config | {"shard_size": 8, "models": models, "rivals": []}
    run = run_snakemake(tmp_path, other, cores=1, root=root)
    assert run.returncode == 0, run.stdout
    for table, pattern in [
        ("images", "results/images/*/*"),
        ("homogeneity", "results/homogeneity/*/*"),
        ("losses", "results/losses/*/*/*"),
        ("accuracy", "results/accuracy.parquet"),
        ("thresholds", "results/thresholds.parquet"),
    ]:
        expected = without_rivals(results(folder, table, pattern))
        pd.testing.assert_frame_equal(expected, results(tmp_path, table, pattern), rtol=1e-4)


def test_the_same_jobs_give_identical_tables(study, root) -> None:
    def read(path: Path) -> tuple[pd.DataFrame, dict[bytes, bytes]]:
        table = pq.read_table(path)
        metadata = table.schema.metadata or {}
        # Seconds and memory are no result.
        return table.to_pandas(), {key: value for key, value in metadata.items() if key != b"aedr.cost"}

    folder, config = study
    # The table of methods is one of seconds.
    kept = {path: read(path) for path in (folder / "results").rglob("*.parquet") if path.stem != "methods"}
    run = run_snakemake(folder, config, "--forcerun", "import_images", "read_prompts", root=root)
    assert run.returncode == 0, run.stdout
    for path, (table, metadata) in kept.items():
        again, metadata_again = read(path)
        pd.testing.assert_frame_equal(again, table, check_exact=True)
        assert metadata_again == metadata


def test_every_rule_runs_in_its_own_environment(study, root, tmp_path) -> None:
    """`--sdm conda` with the stand-in for conda, VQ-Diffusion in its own environment: the tables of the run without.

    This proves that each rule names an environment that can be installed from its pins, that its jobs run there, and
    that they find there what they import: Snakemake itself runs in an environment that holds its own needs alone. It
    does not prove what conda-forge and conda's own solver make of python and pip.
    """
    folder, config = study
    for name in ["models", "pictures", "prompts.txt"]:
        (tmp_path / name).symlink_to(folder / name)
    host = tmp_path / "host"
    distributions.link(distributions.closure(["snakemake"]), stand_in_conda.bare_environment(host))
    conda = stand_in_conda.install(tmp_path / "conda")
    path = os.pathsep.join([str(conda), os.environ["PATH"]])
    try:
        run = run_snakemake(
            tmp_path,
            config | {"select": ["vq"], "rivals": []},
            *["results/accuracy.parquet", "--sdm", "conda", "--conda-prefix", str(tmp_path / "environments")],
            root=root,
            python=host / "bin/python",
            environment=os.environ | {"PATH": path},
        )
        assert run.returncode == 0, run.stdout
    finally:
        shutil.rmtree(tmp_path / "environments", ignore_errors=True)

    pins = dict(re.findall(r"- (\S+)==(\S+)", (root / "envs/vqdm.yaml").read_text()))
    generated = pq.read_schema(tmp_path / "results/images/vq/00000.parquet").metadata
    reconstructed = pq.read_schema(tmp_path / "results/losses/vq/pictures/00000.parquet").metadata
    for package in ("diffusers", "torch", "transformers"):
        assert generated[f"aedr.{package}".encode()].decode().split("+")[0] == pins[package]
    for package in ("diffusers", "torch"):
        assert reconstructed[f"aedr.{package}".encode()].decode().split("+")[0] == pins[package]
    for log in (tmp_path / "results/logs").rglob("*.log"):
        assert f"{tmp_path}/environments/" in log.read_text(), log
    for table, pattern in [
        ("images", "results/images/vq/*"),
        ("images", "results/images/pictures/*"),
        ("losses", "results/losses/vq/vq/*"),
        ("losses", "results/losses/vq/pictures/*"),
        ("homogeneity", "results/homogeneity/vq/*"),
        ("accuracy", "results/accuracy.parquet"),
    ]:
        expected, found = results(folder, table, pattern), results(tmp_path, table, pattern)
        if table == "accuracy":
            expected = expected[(expected["autoencoder"] == "vq") & (expected["source"] != "sd")]
            expected = without_rivals(expected)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"shardsize": 5}, "shardsize: unknown key; did you mean shard_size?"),
        ({"select": ["sdxl"]}, "select: sdxl is no model; models are sd, vq"),
        ({"image_sets": {"pictures": {"folder": "nowhere"}}}, "nowhere does not exist"),
    ],
)
def test_a_mistake_is_told_before_anything_runs_and_without_a_traceback(study, root, changes, message) -> None:
    folder, config = study
    run = run_snakemake(folder, config | changes, "--dry-run", root=root)
    assert run.returncode == 1
    assert message in run.stdout and "Traceback" not in run.stdout and ".smk" not in run.stdout


def test_a_failing_job_says_why_in_one_line(study, root, tmp_path) -> None:
    folder, config = study
    for name in ["models", "pictures", "prompts.txt"]:
        (tmp_path / name).symlink_to(folder / name)
    (tmp_path / "empty").mkdir()
    models = {"sd": config["models"]["sd"] | {"path": "empty"}}
    run = run_snakemake(tmp_path, config | {"models": models}, "--until", "generate_images", root=root)
    assert run.returncode == 1
    reason = "models.sd: empty holds no model_index.json"
    assert f"Error: {reason}" in run.stdout
    # Said again at the end, where there may be much in between.
    last = run.stdout[run.stdout.index(f"generate_images failed: {reason}") :]
    assert "log: results/logs/generate_images/sd/00000.log" in last
    assert "Traceback" not in run.stdout and "CalledProcessError" not in run.stdout


def test_the_published_study_is_planned_in_full(root, tmp_path) -> None:
    studies.write_pictures(tmp_path / "data/real", usable=10)
    config = yaml.safe_load((studies.ROOT / "config/config.yaml").read_text())
    count = len(list((tmp_path / "data/real").iterdir()))
    planned = planned_jobs(tmp_path, config | {"images_per_source": count, "shard_size": count}, root=root)
    assert planned["fetch_model"] == 8 and "fetch_autoencoder" not in planned
    assert planned["fetch_lpips_backbone"] == 1
    assert planned["generate_images"] == 8
    # sd2base and sd21 share one autoencoder, and the photographs are a source of their own.
    assert planned["identify_autoencoder"] == 7
    assert planned["reconstruct_images"] == 7 * 9
    subset = planned_jobs(tmp_path, config, "--config", "select=[sd21,flux]", root=root)
    assert subset["fetch_model"] == 2 and subset["fetch_autoencoder"] == 1


def test_an_autoencoder_whose_images_exist_is_fetched_alone(root, tmp_path) -> None:
    studies.write_pictures(tmp_path / "data/real", usable=10)
    config = yaml.safe_load((studies.ROOT / "config/config.yaml").read_text())
    entry = config["models"]["sdxl"] | {"pipeline": None, "folder": "data/real"}
    planned = planned_jobs(tmp_path, config | {"models": {"sdxl": entry}}, root=root)
    assert planned["fetch_autoencoder"] == 1
    assert not {"fetch_model", "generate_images", "extract_prompts"} & set(planned)
