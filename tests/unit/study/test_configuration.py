"""Mistakes in the configuration are named by key, all at once, before anything runs."""

from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from aedr.errors import UserError
from aedr.scoring.methods import PUBLISHED
from aedr.study.configuration import check_configuration, complete_configuration
from aedr.study.configuration_file import check_configuration_file, main
from aedr.study.configuration_page import configuration_page
from aedr.study.plan import autoencoder_name, count_images, grouping

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"


def config(**changes: object) -> dict:
    entry = {"pipeline": "StableDiffusionPipeline", "path": str(ROOT / "demo")}
    study = {
        "models": {"a": entry, "b": entry | {"autoencoder": "a"}},
        "image_sets": {"real": {"folder": str(ROOT / "demo/photographs")}},
        "prompts": {"file": str(ROOT / "Snakefile")},
    }
    return study | changes


def check(study: dict) -> dict:
    complete = complete_configuration(study, SCHEMA)
    check_configuration(complete)
    return complete


def test_defaults_are_filled_in_at_every_level_and_the_input_is_left_alone() -> None:
    study = config()
    complete = check(study)
    assert complete["reconstruction"]["encoding"] == "mode"
    assert complete["models"]["a"]["autoencoder"]["precision"] == "float32"
    assert complete["models"]["b"]["autoencoder"] == "a"
    assert complete["prompts"]["captioner"] is None and complete["prompts"]["clip"]["path"] is None
    assert study == config()
    assert autoencoder_name(complete["models"], "b") == "a"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"seeds": 1}, "seeds: unknown key; did you mean seed"),
        ({"seed": -1}, "seed: -1 is less"),
        ({"seed": "1"}, "seed: '1' is not of type 'integer'"),
        ({"models": {}}, "models"),
        ({"models": {"A b": {}}}, "A b"),
        ({"models": {"a": {"pipline": "X"}}}, "models.a.pipline: unknown key; did you mean pipeline"),
        (
            {"models": {"a": {"autoencoder": {"precison": "float32"}}}},
            "models.a.autoencoder.precison: unknown key; did you mean precision",
        ),
        ({"models": {"a": {"autoencoder": {"precision": "float8"}}}}, "models.a.autoencoder.precision: 'float8'"),
        ({"attribution": {"bandwidth": "wide"}}, "attribution.bandwidth: 'wide' is not one of"),
        ({"models": {"a": {"path": "."}}}, "models.a: give one of pipeline, decode, folder and dataset"),
        (
            {"models": {"a": {"pipeline": "X", "path": ".", "dataset": {"folder": "."}}}},
            "models.a: give one of pipeline, decode, folder and dataset",
        ),
        (
            {"models": {"a": {"path": ".", "dataset": {"folder": ".", "value": "flux"}}}},
            "models.a.dataset: give both column and value",
        ),
        (
            {"models": {"a": {"path": ".", "group": "name", "dataset": {"folder": "."}}}},
            "models.a.group: only images that lie",
        ),
        ({"models": {"a": {"path": ".", "dataset": {"columns": "x"}}}}, "models.a.dataset.columns: unknown key"),
        ({"image_sets": {"real": {}}}, "image_sets.real: give exactly one of folder and dataset"),
        (
            {"image_sets": {"real": {"group": "folder", "dataset": {"folder": ".", "column": "x", "value": 1}}}},
            "image_sets.real.group: only images that lie",
        ),
        ({"models": {"a": {"pipeline": "X"}}}, "models.a: give exactly one of repository and path"),
        ({"models": {"a": {"decode": "x", "path": "."}}}, "models.a.decode: x is not an image set"),
        ({"models": {"a": {"pipeline": "X", "path": ".", "group": "name"}}}, "models.a.group: only images that lie"),
        ({"models": {"a": {"decode": "real", "path": ".", "group": "folder"}}}, "models.a.group: only images that lie"),
        ({"image_sets": {"real": {"folder": ".", "group": "names"}}}, "image_sets.real.group: 'names' is not one of"),
        ({"models": {"a": {"pipeline": "X", "path": "nowhere"}}}, "models.a.path: the folder nowhere"),
        ({"models": {"a": {"pipeline": "X", "path": ".", "autoencoder": "b"}}}, "b is not a model"),
        ({"models": {"real": {"pipeline": "X", "path": "."}}}, "real is the id of both a model and an image set"),
        (
            {"models": {name: {"pipeline": "X", "path": ".", "autoencoder": {"name": "same"}} for name in ("a", "b")}},
            "several models give the name same",
        ),
        ({"select": ["a", "z"]}, "select: z is not a model; the models are a, b"),
        ({"prompts": {}}, "give exactly one of image_set and file"),
        ({"prompts": {"image_set": "x", "clip": {"path": "."}, "captions": "nowhere"}}, "x is not an image set"),
        ({"prompts": {"image_set": "real"}}, "prompts.clip: give exactly one of repository, path"),
        ({"prompts": {"image_set": "real", "clip": {"path": "."}}}, "give captioner, or a file as captions"),
        ({"reconstruction": {"metrics": ["lpips", "l2"]}}, "the metric lpips needs AlexNet"),
        ({"reconstruction": {"off_grid": "search", "encoding": "sample"}}, "search needs the posterior's mode"),
        ({"reconstruction": {"metrics": ["l1"]}}, "attribution.metric: high_frequency is not in"),
        ({"attribution": {"significance_level": 1}}, "attribution.significance_level"),
        ({"attribution": {"significance_level": "best"}}, "attribution.significance_level: 'best'"),
        ({"attribution": {"significance_levels": {"z": 0.1}}}, "z is not an autoencoder; the autoencoders are a"),
        ({"transforms": {"a": [{"jpg": 75}]}}, "transforms.a.0.jpg: unknown key; did you mean jpeg?"),
        ({"transforms": {"a": [{"jpeg": 101}]}}, "transforms.a.0.jpeg: 101 is greater than the maximum of 100"),
        (
            {"transforms": {"a": [{"jpeg": {"quality": 9, "sampling": 1}}]}},
            "sampling: unknown key; did you mean subsampling?",
        ),
        ({"transforms": {"a": [{"resize": 0}]}}, "transforms.a.0.resize: 0 is less"),
        (
            {"transforms": {"a": [{"resize": {"scale": 2, "filter": "sinc"}}]}},
            "transforms.a.0.resize.filter: 'sinc' is not",
        ),
        ({"transforms": {"a": [{"crop": {"rows": 3}}]}}, "transforms.a.0.crop: missing columns"),
        ({"transforms": {"a": [{"noise": "loud"}]}}, "transforms.a.0.noise: 'loud' is not"),
        ({"transforms": {"a": [{"blur": 1, "noise": 2}]}}, "transforms.a.0: {'blur': 1, 'noise': 2} has too many"),
        ({"transforms": {"a": []}}, "transforms.a: []"),
        ({"transforms": {"a.b": [{"png": {}}]}}, "a.b"),
        ({"transforms": {"a": [{"centre_crop": 100}]}}, "transforms.a: centre_crop.size 100 is not a multiple of"),
        ({"transforms": {"a": [{"search_grid": {}}, {"jpeg": 9}]}}, "transforms.a: search_grid does not change images"),
        ({"transforms": {"searched": [{"jpeg": 9}]}}, "transforms.searched: this id is reserved"),
        ({"transforms": {"untouched": [{"jpeg": 9}]}}, "transforms.untouched: this id is reserved"),
        (
            {"transforms": {"a": [{"search_grid": {}}]}, "reconstruction": {"encoding": "sample"}},
            "transforms.a: search_grid needs the posterior's mode",
        ),
        ({"results": "x", "resources": "./x"}, "the same folder"),
        ({"calibration": ["nowhere", "elsewhere"]}, "calibration.0: the file nowhere does not exist"),
        ({"calibration": ["x/calibration.parquet", "y"], "results": "x"}, "this study's own; merge into another"),
        ({"calibration": ["one"]}, "calibration: ['one'] is too short"),
    ],
)
def test_mistakes_are_named(changes, message) -> None:
    with pytest.raises(UserError) as error:
        check(config(**changes))
    assert message in str(error.value)


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        check(config(seeds=1, shard_size=0))
    assert "seeds" in str(error.value) and "shard_size" in str(error.value)


def test_a_key_given_twice_is_refused(tmp_path) -> None:
    (tmp_path / "c.yaml").write_text("models:\n  a: {}\n  b: {}\n  a: {}\n")
    with pytest.raises(UserError, match=r"line 4: a is given twice"):
        check_configuration_file(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    "text, message",
    [
        ("__use_yte__: true\n", "whose code Snakemake runs"),
        (
            "k0: &k0 [x]\n" + "".join(f"k{i}: &k{i} [*k{i - 1}, *k{i - 1}]\n" for i in range(1, 30)),
            "more than 100000",
        ),
        ("a: &a [*a]\n", "or for themselves"),
        ("x: " + "[" * 5000, "nested too deeply"),
        ("? [a, b]\n: 1\n", "line 1: a list or mapping cannot be a key"),
        ("seed:\t1\n\tb: 2\n", "Indent with spaces"),
        (b"results: \xe9\n", "is not UTF-8 (byte 9)"),
    ],
)
def test_a_file_that_is_more_than_data_is_refused(tmp_path, text, message) -> None:
    (tmp_path / "c.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as error:
        check_configuration_file(tmp_path / "c.yaml")
    assert message in str(error.value)


def test_a_strangers_file_is_checked_without_snakemake(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main("config/demo.yaml") is None
    for text, message in {"seed: !!bool x": "does not fit its type", "seeds: 1": "seeds: unknown key"}.items():
        (tmp_path / "c.yaml").write_text(text)
        assert message in str(main(str(tmp_path / "c.yaml")))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"results": "a\nb"}, "results: 'a\\nb' has characters that no name may have"),
        ({"results": "a{b}"}, "results: Snakemake would read the braces in a{b} as a wildcard"),
        ({"results": str(SCHEMA)}, "is a file; name a folder"),
        ({"seed": 10**30}, "seed: an integer of more than 64 bits"),
        ({"attribution": {"held_out": float("nan")}}, "attribution.held_out: nan is not a finite number"),
        ({"models": {15: {"pipeline": "X", "path": "."}}}, "models: the key 15 is not text; put it in quotes"),
        ({"models": {"a": {"pipeline": "", "path": "."}}}, "models.a.pipeline: is empty"),
        ({"models": {"a": {"pipeline": "X", "repository": "../x"}}}, "models.a.repository: '../x' does not match"),
        ({"prompts": {"image_set": "real", "captioner": {"repository": ".."}}}, "prompts.captioner.repository: '..'"),
        ({"prompts": {"image_set": "real", "clip": {"model": "../../x"}}}, "prompts.clip.model: '../../x'"),
        ({"models": {"a": {"pipeline": "X", "path": ".", "arguments": {"b": b"x"}}}}, "models.a.arguments.b: b'x' is"),
    ],
)
def test_values_that_lead_elsewhere_or_mean_nothing_are_named(changes, message) -> None:
    with pytest.raises(UserError) as error:
        check(config(**changes))
    assert message in str(error.value)


def test_groups_are_declared_for_folders_and_reach_what_is_made_of_their_images() -> None:
    path = str(ROOT / "demo")
    folder = str(ROOT / "demo/photographs")
    models = {
        "made": {"folder": folder, "path": path, "group": "folder"},
        "decodes": {"decode": "real", "path": path, "autoencoder": "made"},
        "generates": {"pipeline": "X", "path": path, "autoencoder": "made"},
    }
    study = check(config(models=models, image_sets={"real": {"folder": folder, "group": "name"}}))
    groups = {
        "real": ("real", "name"),
        "real.jpeg-75": ("real", "name"),
        "made": ("made", "folder"),
        "decodes": ("real", "name"),
        "decodes.jpeg-75": ("real", "name"),
        "generates": ("generates", "image"),
        "query": ("query", "image"),
        "query-restored": ("query", "image"),
    }
    assert {name: tuple(grouping(study, name).values()) for name in groups} == groups


def test_an_empty_or_missing_folder_of_images_is_named(tmp_path) -> None:
    for folder in [tmp_path, tmp_path / "missing"]:
        with pytest.raises(UserError, match=str(folder)):
            count_images(check(config(image_sets={"real": {"folder": str(folder)}})))


def test_every_published_configuration_is_valid(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in ["config", "demo", "demo/control"]:
        study = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
        study["image_sets"] = {key: {"folder": str(ROOT / "demo/photographs")} for key in study["image_sets"]}
        check(study)


@pytest.mark.parametrize(
    "names",
    [
        ["config", "paper"],
        ["demo", "demo/damage"],
        ["demo", "demo/fresh"],
        ["demo", "demo/matched"],
        ["demo", "demo/rivals"],
        ["demo/control", "demo/rivals", "demo/rivals_control"],
    ],
)
def test_published_configurations_are_valid_over_each_other(monkeypatch, names) -> None:
    monkeypatch.chdir(ROOT)
    study: dict[str, object] = {}
    for name in names:
        update_config(study, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
    study["image_sets"] = {key: {"folder": str(ROOT / "demo/photographs")} for key in study["image_sets"]}
    check(study)


def test_the_papers_protocol_is_one_file_over_the_study_of_its_models() -> None:
    study: dict = {}
    for name in ["config", "paper"]:
        update_config(study, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
    complete = complete_configuration(study, SCHEMA)
    attribution = complete["attribution"]
    assert complete["images_per_source"] == 1000 and complete["results"] == "results/paper"
    assert (attribution["held_out"], attribution["significance_level"]) == (0.5, "chosen")
    assert (attribution["metric"], attribution["signal"]) == PUBLISHED
    assert complete["models"]["kd21"]["autoencoder"]["resize_to"] == 512
    assert complete["models"]["flux"]["autoencoder"]["precision"] == "bfloat16"
    assert len(complete["models"]) == 8


def test_the_configuration_page_is_current_and_every_key_has_a_description_and_a_default() -> None:
    schema = yaml.safe_load(SCHEMA.read_text())
    assert (ROOT / "config/README.md").read_text() == configuration_page(schema)
    for part in [schema, *schema["definitions"].values()]:
        for key, entry in part["properties"].items():
            described = entry if "$ref" not in entry else schema["definitions"][key]
            assert described.get("description"), key
            one_of_all = part.get("maxProperties") == 1
            assert "default" in described or one_of_all or key in part.get("required", []), key


def test_a_folder_of_a_models_images_that_is_missing_is_named_by_its_key(tmp_path) -> None:
    made = {"folder": "made_elsewhere", "path": str(tmp_path)}
    with pytest.raises(UserError, match="models.made.folder: the folder made_elsewhere does not exist"):
        count_images(check(config(models={"made": made})))
