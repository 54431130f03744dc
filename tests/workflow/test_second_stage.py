"""Models that share an autoencoder, told apart by their denoisers: a study, an attribution, and one by a carried
calibration."""

import copy
import json
import shutil
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

import studies
from aedr.images.pictures import decode_image, encode_png
from aedr.tables.files import read_table
from aedr.verdicts.models import CANNOT_SAY_WHICH, MODEL, NO_MODEL, SEVERAL_MODELS
from studies import planned_jobs, run_snakemake

MEMBERS = ("demo-sd", "demo-sd-reseeded", "demo-sd-tuned")
IMAGES, CALLS = 10, 4


@pytest.fixture(scope="module")
def study(tmp_path_factory, warm) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("second_stage")
    shutil.copytree(studies.ROOT / "demo", folder / "demo")
    (folder / "prompts.txt").write_text("".join(f"a photograph of a cat number {i}\n" for i in range(IMAGES)))
    entry = {"pipeline": "StableDiffusionPipeline", "image_size": 64, "steps": 6, "guidance": 1.5, "batch_size": 10}
    config = {
        "device": "cpu",
        "images_per_source": IMAGES,
        # More than one shard, so that errors must not depend on it.
        "shard_size": 6,
        "image_sets": {"photographs": {"folder": "demo/photographs"}},
        "prompts": {"file": "prompts.txt"},
        "models": {
            name: entry | {"path": f"demo/models/{name}"} | ({"autoencoder": "demo-sd"} if name != "demo-sd" else {})
            for name in MEMBERS
        },
        "reconstruction": {"metrics": ["l2", "high_frequency"], "refinement_steps": 1},
        "attribution": studies.PIXEL_VERDICTS | {"verdict_level": 0.3, "held_out": 0.6, "undo_resizes": False},
        "second_stage": {"levels": [0.15, 0.3], "noises": 2, "closed": True},
    }
    run = run_snakemake(folder, config)
    assert run.returncode == 0, run.stdout
    return folder, config


def test_every_image_of_the_family_is_asked_about_by_every_denoiser(study) -> None:
    folder, _ = study
    errors = studies.results(folder, "denoising", "results/second_stage/errors/*/*/*.parquet")
    assert set(errors["model"]) == set(errors["source"]) == set(MEMBERS)
    assert errors.groupby(["image_id", "model"]).size().eq(CALLS).all()
    assert errors["error"].between(0, 2).all() and errors["reason"].isna().all()
    assert not (folder / "results/second_stage/errors/demo-sd/photographs").exists()
    confusion = read_table(folder / "results/second_stage/confusion.parquet", "confusion")
    nearest = confusion[(confusion["protocol"] == "nearest") & (confusion["score"] == "log_error")]
    right = nearest[nearest["answer"] == nearest["source"]]
    assert right["answered"].sum() / right["images"].sum() > 0.8
    calls = read_table(folder / "results/second_stage/calls.parquet", "denoiser_calls")
    assert sorted(calls["calls"]) == [1, 2, 2, 4]
    costs = read_table(folder / "results/second_stage/costs.parquet", "stage_costs")
    assert set(costs["stage"]) == {"reconstruction", "denoising"} and (costs["seconds_per_image"] > 0).all()
    report = (folder / "results/report.html").read_text()
    assert "Which model within the family" in report and "demo-sd-tuned" in report


def test_errors_depend_on_no_shard(study) -> None:
    folder, config = study
    asked = [f"results/second_stage/errors/demo-sd-tuned/demo-sd/0000{shard}.parquet" for shard in (0, 1)]
    whole = pd.concat([read_table(folder / file, "denoising") for file in asked], ignore_index=True)
    other = config | {"results": "other", "shard_size": 20, "select": ["demo-sd", "demo-sd-tuned"]}
    target = "other/second_stage/errors/demo-sd-tuned/demo-sd/00000.parquet"
    run = run_snakemake(folder, other, "--", target)
    assert run.returncode == 0, run.stdout
    pd.testing.assert_frame_equal(read_table(folder / target, "denoising"), whole, check_exact=True)


def test_a_second_run_does_nothing_and_other_levels_ask_again_without_reconstructing(study) -> None:
    folder, config = study
    assert planned_jobs(folder, config) == {}
    planned = planned_jobs(folder, config | {"second_stage": config["second_stage"] | {"noises": 3}})
    assert planned["measure_denoising"] == 18 and "reconstruct_images" not in planned
    assert "measure_denoising" not in planned_jobs(
        folder, config | {"second_stage": {**config["second_stage"], "closed": False}}
    )


def write_query(folder: Path) -> dict[str, str]:
    """Write images of each model and a photograph to the folder of the query; return which model made each."""
    query = folder / "query"
    query.mkdir(exist_ok=True)
    made_by = {}
    for model in MEMBERS:
        images = read_table(folder / f"results/images/{model}/00001.parquet", "images")
        for number, image in enumerate(images["image"][:3]):
            (query / f"{model} {number}.png").write_bytes(encode_png(decode_image(image["bytes"])))
            made_by[f"{model} {number}.png"] = model
    shutil.copy(studies.ROOT / "demo/photographs/coffee_03.png", query / "photograph.png")
    return made_by


def check_verdicts(folder: Path, made_by: dict[str, str], results: str) -> list[dict]:
    lines = (folder / results / "verdicts/verdicts.jsonl").read_text().splitlines()
    documents = [json.loads(line) for line in lines]
    schema = json.loads((studies.ROOT / "workflow/schemas/verdict.schema.json").read_text())
    for document in documents:
        jsonschema.validate(document, schema)
        asked = document["verdict"] == "family"
        assert (document["made_by"] is not None) == asked
        if asked:
            assert document["made_by"]["verdict"] in (MODEL, SEVERAL_MODELS, NO_MODEL, CANNOT_SAY_WHICH)
    right = [
        document
        for document in documents
        if document["made_by"] and made_by.get(document["name"]) in document["made_by"]["models"]
    ]
    assert len(right) >= 4
    return documents


def test_an_attribution_goes_on_to_the_model_and_a_carried_calibration_says_the_same(study) -> None:
    folder, config = study
    made_by = write_query(folder)
    run = run_snakemake(folder, config | {"query": "query"}, "attribute")
    assert run.returncode == 0, run.stdout
    assert "made by demo-sd" in run.stdout
    documents = check_verdicts(folder, made_by, "results")
    page = (folder / "results/verdicts/verdicts.html").read_text()
    assert "What each model of the family says" in page
    asked = read_table(folder / "results/second_stage/errors/demo-sd/query/00000.parquet", "denoising")
    given = [document["name"] for document in documents if document["verdict"] == "family"]
    assert set(asked["image_id"].str.removeprefix("query/")) <= set(given)

    carried = copy.deepcopy(config) | {"results": "elsewhere", "query": "query"}
    carried["calibration"] = "results/calibration.parquet"
    run = run_snakemake(folder, carried, "attribute")
    assert run.returncode == 1 and "second_stage.calibration: it goes with `calibration`" in run.stdout
    carried["second_stage"] = carried["second_stage"] | {"calibration": "results/second_stage/calibration.parquet"}
    # Under another name it is still known by its weights.
    carried["models"]["tuned"] = carried["models"].pop("demo-sd-tuned")
    run = run_snakemake(folder, carried, "attribute")
    assert run.returncode == 0, run.stdout
    elsewhere = check_verdicts(
        folder, {name: model.replace("demo-sd-tuned", "tuned") for name, model in made_by.items()}, "elsewhere"
    )
    for here, there in zip(documents, elsewhere, strict=True):
        models = here["made_by"] and [name.replace("demo-sd-tuned", "tuned") for name in here["made_by"]["models"]]
        assert models == (there["made_by"] and there["made_by"]["models"])

    carried["second_stage"]["noises"] = 3
    run = run_snakemake(folder, carried, "attribute")
    assert run.returncode == 1 and "noises is 3 here and 2 in the calibration" in run.stdout
