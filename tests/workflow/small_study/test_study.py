"""A whole small study, run as a user runs it: what it says, and what it makes."""

import os
import re

import pandas as pd
import pytest
import yaml

import studies
from studies import results, run_snakemake, without_rivals


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
    # Two autoencoders, three sources, three metrics, six signals held out and three on the same images.
    assert len(without_rivals(accuracy)) == 2 * 3 * 3 * (6 + 3)
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
