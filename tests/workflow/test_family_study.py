"""Autoencoders of equal weights, run as a user runs them: reconstructed once, shown as one row."""

import copy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

import studies
import tiny_models
from plot_accuracy import plot_accuracy
from plot_signals import plot_signals
from studies import planned_jobs, results, run_snakemake


def decoding(name: str) -> dict[str, object]:
    """Return the entry of a model whose images are decoded pictures."""
    return {"decode": "pictures", "path": f"models/{name}"} | studies.UNTRAINED


@pytest.fixture(scope="module")
def study(tmp_path_factory, warm) -> tuple[Path, dict]:
    """A study of three autoencoders: one, its copy in half precision, and one with its encoder and another decoder."""
    folder = tmp_path_factory.mktemp("families")
    network = tiny_models.tiny_autoencoder_kl()
    network.save_pretrained(folder / "models/first/vae")
    copy.deepcopy(network).half().save_pretrained(folder / "models/half/vae")
    network.decoder = tiny_models.tiny_autoencoder_kl().decoder
    network.save_pretrained(folder / "models/cousin/vae")
    torch.save(network.state_dict(), folder / "cousin.bin")
    studies.write_pictures(folder / "pictures")
    config = {
        "device": "cpu",
        "max_pixels": 10**8,
        "image_sets": {"pictures": {"folder": "pictures", "group": "name"}},
        "models": {name: decoding(name) for name in ("first", "half", "cousin")},
        "reconstruction": {"metrics": ["l2", "high_frequency"]},
        "attribution": studies.PIXEL_VERDICTS,
    }
    run = run_snakemake(folder, config)
    assert run.returncode == 0, run.stdout
    return folder, config


def losses(folder: Path) -> dict[str, int]:
    """Return the study's files of losses, with the times at which they were written."""
    parent = folder / "results/losses"
    return {str(path.relative_to(parent)): path.stat().st_mtime_ns for path in parent.rglob("*.parquet")}


def test_copies_are_identified_and_a_shared_encoder_is_told(study) -> None:
    table = results(study[0], "autoencoders", "results/autoencoders.parquet").set_index("autoencoder")
    assert table["family"].to_dict() == {"first": "first", "half": "first", "cousin": "cousin"}
    shares = {name: list(others) for name, others in table["shares_encoder_with"].items()}
    assert shares == {"first": ["cousin"], "half": ["cousin"], "cousin": ["first"]}
    assert (table["latent_channels"] == 4).all() and (table["factor"] == 2).all()
    assert table["repository"].isna().all() and table["revision"].isna().all()


def test_copies_are_reconstructed_once_and_claim_no_accuracy_against_each_other(study) -> None:
    folder, _ = study
    sources = ["cousin", "first", "half", "pictures"]
    assert sorted(losses(folder)) == [f"{family}/{s}/00000.parquet" for family in ("cousin", "first") for s in sources]
    accuracy = results(folder, "accuracy", "results/accuracy.parquet")
    assert set(accuracy["autoencoder"]) == {"first", "cousin"}
    belonging = accuracy[accuracy["belonging"]].groupby("autoencoder")["source"].agg(set).to_dict()
    assert belonging == {"first": {"first", "half"}, "cousin": {"cousin"}}
    assert {path.stem for path in (folder / "results/plots/signals").iterdir()} == {"first", "cousin"}


def test_a_picture_and_its_decodings_are_in_one_part(study) -> None:
    signals = results(study[0], "signals", "results/signals.parquet")
    assert {group.partition("/")[0] for group in signals["group"]} == {"pictures"}
    assert signals.groupby("group")["source"].nunique().eq(4).all()
    assert signals.groupby("group")["split"].nunique().eq(1).all()


def test_pictures_name_all_members(study, tmp_path) -> None:
    tables = {name: str(study[0] / f"results/{name}.parquet") for name in ("signals", "thresholds", "autoencoders")}
    accuracy = str(study[0] / "results/accuracy.parquet")
    sources = ["cousin", "first", "half", "pictures"]
    settings = {"metric": "l2", "signal": "loss_ratio", "sources": sources}
    autoencoders = tables["autoencoders"]
    plot_accuracy(accuracy=accuracy, autoencoders=autoencoders, outputs=[f"{tmp_path}/a.svg"], **settings)
    assert [label.get_text() for label in plt.gcf().axes[0].get_yticklabels()] == ["cousin", "first = half"]
    plot_signals(**tables, outputs=[f"{tmp_path}/b.svg"], family="first", bandwidth="scott", **settings)
    assert plt.gcf().get_suptitle().startswith("first = half: accepts left of")


def test_a_second_run_does_nothing(study) -> None:
    assert planned_jobs(*study) == {}
    assert "Nothing to be done" in run_snakemake(*study).stdout


def test_a_dry_run_knows_the_families_of_the_last_run(study) -> None:
    folder, config = study
    tiny_models.tiny_autoencoder_kl().save_pretrained(folder / "models/new/vae")
    models = config["models"] | {"new": decoding("new")}
    planned = planned_jobs(folder, config | {"models": models})
    assert planned["identify_autoencoder"] == 1
    # The new one on five sources, and its images under two families.
    assert planned["reconstruct_images"] == 5 + 2
    # Without the first, another member stands for the family.
    planned = planned_jobs(folder, config | {"select": ["half", "cousin"]})
    assert planned["reconstruct_images"] == 3 and "identify_autoencoder" not in planned


def test_reconstruction_alone_does_not_wait_for_the_families(study) -> None:
    folder, config = study
    lost = folder / "results/losses/first/pictures/00000.parquet"
    lost.unlink()
    (folder / "results/autoencoders.parquet").unlink()
    run = run_snakemake(folder, config, "--until", "reconstruct_images")
    assert run.returncode == 0, run.stdout
    assert lost.is_file()


def test_a_copy_added_costs_no_reconstruction_but_that_of_its_images(study) -> None:
    folder, config = study
    before = losses(folder)
    pickled = folder / "models/pickled/vae"
    pickled.mkdir(parents=True)
    (pickled / "config.json").write_text((folder / "models/cousin/vae/config.json").read_text())
    (folder / "cousin.bin").rename(pickled / "diffusion_pytorch_model.bin")
    added = decoding("pickled") | {"trusted_pickle": True}
    run = run_snakemake(folder, config | {"models": config["models"] | {"pickled": added}})
    assert run.returncode == 0, run.stdout
    after = losses(folder)
    assert set(after) - set(before) == {f"{family}/pickled/00000.parquet" for family in ("first", "cousin")}
    assert {name: after[name] for name in before} == before
    accuracy = results(folder, "accuracy", "results/accuracy.parquet")
    own = accuracy[accuracy["belonging"] & (accuracy["autoencoder"] == "cousin")]
    assert set(own["source"]) == {"cousin", "pickled"}
