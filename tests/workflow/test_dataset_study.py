"""A study whose images all come from one Parquet data set of three generators, and its weights from a hub."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import fake_hub
import studies
from aedr.autoencoders.loading import load_autoencoder
from aedr.images.pictures import decode_image, encode_png
from aedr.reconstruction.pixels import to_pixels, to_tensor
from studies import planned_jobs, results, run_snakemake

ROWS = 200
GENERATORS = ["demo-sd", "demo-tiny", "demo-xl"]
# Under the names of two of the paper's models.
REPOSITORIES = {
    "demo-sd": "stabilityai/stable-diffusion-xl-base-1.0",
    "demo-tiny": "black-forest-labs/FLUX.1-dev",
}
BROKEN = {"demo-sd": None, "demo-tiny": b"no picture"}


def write_dataset(folder: Path) -> pd.DataFrame:
    """Write 200 images of the demo's autoencoders, mixed, to two files of several row groups; return the rows.

    One image of a generator has no bytes, one of another cannot be decoded.
    """
    photographs = sorted((studies.ROOT / "demo/photographs").iterdir())
    chance = np.random.default_rng(7)
    pictures: dict[str, list[bytes]] = {}
    for generator in GENERATORS:
        folder_of_model = str(studies.ROOT / f"demo/models/{generator}")
        autoencoder = load_autoencoder(folder_of_model, "float32", torch.device("cpu"))
        pixels = [decode_image(path.read_bytes()) for path in photographs]
        with torch.inference_mode():
            decoded = to_pixels(autoencoder.reconstruct(to_tensor(pixels, torch.device("cpu")), "mode", []))
        pictures[generator] = [encode_png(picture) for picture in decoded]
    generators = [GENERATORS[place] for place in chance.permutation(np.arange(ROWS) % 3)]
    waiting = {generator: iter(images) for generator, images in pictures.items()}
    images: list[bytes | None] = [next(waiting[generator]) for generator in generators]
    for generator, spoiled in BROKEN.items():
        images[generators.index(generator)] = spoiled
    rows = pd.DataFrame({"generator": generators, "image": images})
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for name, part in {"train-00000-of-00002": rows[:120], "train-00001-of-00002": rows[120:]}.items():
        structs = pa.array([{"bytes": data, "path": f"{i}.png"} for i, data in part["image"].items()], kind)
        table = pa.table({"generator": part["generator"].tolist(), "image": structs})
        (folder / "data").mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / f"data/{name}.parquet", row_group_size=32)
    return rows


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> tuple[Path, dict, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("dataset")
    rows = write_dataset(folder / "generated")

    def dataset(generator: str) -> dict:
        return {"dataset": {"folder": "generated", "column": "generator", "value": generator}}

    models = {
        name: dataset(name) | {"repository": repository, "autoencoder": {"batch_size": 12}}
        for name, repository in REPOSITORIES.items()
    }
    config = {
        "device": "cpu",
        "images_per_source": 60,
        "shard_size": 60,
        "models": models,
        "image_sets": {"others": dataset("demo-xl") | {"real": False}},
        "reconstruction": {"metrics": ["l2", "high_frequency"]},
        "attribution": studies.PIXEL_VERDICTS,
    }
    with fake_hub.serve() as hub:
        for name, repository in REPOSITORIES.items():
            model = studies.ROOT / f"demo/models/{name}"
            files = {file.relative_to(model).as_posix(): file.read_bytes() for file in model.rglob("*.*")}
            hub.repositories[repository] = files
        run = run_snakemake(folder, config, environment=os.environ | {"HF_ENDPOINT": hub.address})
        fetched = {name.rpartition("/")[0].rpartition("/")[2] for name in hub.downloads}
    assert run.returncode == 0, run.stdout
    assert fetched == {"vae"}
    return folder, config, rows


def test_every_image_is_the_row_that_its_id_names_and_no_other_is_copied(study) -> None:
    folder, _, rows = study
    for source, generator in {"demo-sd": "demo-sd", "demo-tiny": "demo-tiny", "others": "demo-xl"}.items():
        table = results(folder, "images", f"results/images/{source}/*.parquet")
        places = rows.index[rows["generator"] == generator][:60]
        ids = [f"{source}/data/train-0000{int(i >= 120)}-of-00002.parquet/{i - 120 * (i >= 120)}" for i in places]
        assert sorted(table["image_id"]) == sorted(ids)
        found = table.set_index("image_id").loc[ids]
        expected = rows.loc[places, "image"].tolist()
        spoiled = 0 if generator in BROKEN else None
        for place, (image, reason, data) in enumerate(zip(found["image"], found["reason"], expected, strict=True)):
            if place == spoiled:
                assert image is None and isinstance(reason, str)
            else:
                assert image["bytes"] == data and not isinstance(reason, str)


def test_the_study_scores_them_and_knows_which_autoencoder_decoded_them(study) -> None:
    folder, _, _ = study
    accuracy = results(folder, "accuracy", "results/accuracy.parquet")
    cells = accuracy[
        (accuracy["metric"] == "high_frequency")
        & (accuracy["signal"] == "residual")
        & (accuracy["protocol"] == "held_out")
        & ~accuracy["belonging"]
    ]
    assert sorted(zip(cells["autoencoder"], cells["source"], strict=True)) == [
        ("demo-sd", "demo-tiny"),
        ("demo-sd", "others"),
        ("demo-tiny", "demo-sd"),
        ("demo-tiny", "others"),
    ]
    assert cells["accuracy"].mean() > 0.85
    signals = results(folder, "signals", "results/signals.parquet")
    without = signals[signals["reason"].notna()].groupby("source")["image_id"].nunique()
    assert without.to_dict() == {"demo-sd": 1, "demo-tiny": 1}
    assert "read from a data set" in (folder / "results/report.html").read_text(encoding="utf-8")


def test_the_papers_figures_of_its_models_stand_beside_those_measured(study) -> None:
    folder, _, _ = study
    compared = (
        pd.read_csv(folder / "results/paper.csv")
        .set_index(["quantity", "paper_autoencoder", "paper_source"])
        .sort_index()
    )
    accuracy = results(folder, "accuracy", "results/accuracy.parquet")
    measured = accuracy.query("metric == 'l2' and signal == 'calibrated_ratio' and protocol == 'held_out'")
    measured = measured.set_index(["autoencoder", "source"])["accuracy"]
    assert len(compared) == 6
    cell = compared.loc[("accuracy", "FLUX", "SDXL")]
    assert cell["reported"] == 0.878 and cell["measured"] == round(measured["demo-tiny", "demo-sd"], 4)
    assert compared.loc[("accuracy", "SDXL", "FLUX"), "reported"] == 0.985
    assert (compared.loc["seconds_per_image", "measured"] > 0).all()
    assert (compared.loc["significance_level", "measured"] == 0.05).all()
    assert "The paper's figures beside this study's" in (folder / "results/report.html").read_text(encoding="utf-8")


def test_a_changed_file_reads_its_shards_again_and_a_wrong_value_stops_the_plan(study) -> None:
    folder, config, _ = study
    assert planned_jobs(folder, config) == {}
    file = folder / "generated/data/train-00001-of-00002.parquet"
    content = pq.read_table(file)
    pq.write_table(content, file, row_group_size=8)
    assert planned_jobs(folder, config)["read_dataset"] == 3
    config["models"]["demo-sd"]["dataset"]["value"] = "demo_sd"
    run = run_snakemake(folder, config, "--dry-run")
    assert run.returncode == 1 and "Traceback" not in run.stdout
    assert "models.demo-sd.dataset.value: no row of generated has demo_sd in its column generator." in run.stdout
    assert "Its values are demo-sd, demo-tiny, demo-xl." in run.stdout
