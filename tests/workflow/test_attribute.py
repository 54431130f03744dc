"""Images attributed as a user would: by a study, then by its calibration alone, which must fit."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from PIL import ExifTags, Image, ImageFilter, ImageOps, PngImagePlugin

import dropped_files
import studies
from aedr.tables.files import read_table, write_table
from aedr.verdicts.calibration_file import read_calibration
from aedr.verdicts.promise import Promise
from studies import results, run_snakemake

DEMO = studies.ROOT / "demo"


# What copies of two images claim: another model of the study, and their own.
CLAIMED = {
    "demo-sd": {
        "parameters": "a cat\nSteps: 9, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512, Model: demo-tiny"
    },
    "demo-tiny": {
        "prompt": json.dumps({"1": {"class_type": "Loader", "inputs": {"ckpt_name": "demo_tiny.safetensors"}}})
    },
}


@pytest.fixture(scope="module")
def study(tmp_path_factory, warm) -> tuple[Path, dict]:
    """A study of two trained autoencoders that decoded the same photographs, and images to attribute."""
    folder = tmp_path_factory.mktemp("verdicts")
    (folder / "demo").symlink_to(DEMO)
    config = {
        "device": "cpu",
        "image_sets": {"photographs": {"folder": "demo/photographs"}},
        "models": {
            name: {
                "decode": "photographs",
                "path": f"demo/models/{name}",
                "autoencoder": {"batch_size": 12, "name": name.removeprefix("demo-")},
            }
            for name in ("demo-sd", "demo-tiny")
        },
        "reconstruction": {"metrics": ["l2", "high_frequency", "refined_l1", "refined_l2"]},
    }
    run = run_snakemake(folder, config)
    assert run.returncode == 0, run.stdout
    query = folder / "query"
    query.mkdir()
    for name in ("demo-sd", "demo-tiny"):
        own = results(folder, "images", f"results/images/{name}/*")
        signals = read_table(folder / "results/signals.parquet", "signals")
        signals = signals[(signals["source"] == name) & (signals["autoencoder"] == name.removeprefix("demo-"))]
        signals = signals[signals["metric"] == "refined_l2"].sort_values("capped_ratio")
        typical = own.set_index("image_id").loc[signals["image_id"].iloc[len(signals) // 2]]
        (query / f"{name}.png").write_bytes(typical["image"]["bytes"])
    shutil.copy(DEMO / "photographs/coffee_03.png", query / "photograph größe.png")
    Image.open(query / "demo-sd.png").crop((3, 2, 64, 64)).save(query / "cropped.png")
    Image.open(query / "demo-sd.png").resize((96, 96), Image.Resampling.LANCZOS).save(query / "enlarged.png")
    own = Image.open(query / "demo-tiny.png")
    own.save(query / "jpeg 75.jpg", quality=75)
    own.save(query / "progressive.jpg", quality=90, progressive=True, subsampling="4:4:4")
    Image.open(query / "jpeg 75.jpg").save(query / "jpeg 75 as.png")
    Image.open(query / "jpeg 75.jpg").save(query / "twice.jpg", quality=92)
    ImageOps.mirror(own).save(query / "mirrored.png")
    own.transpose(Image.Transpose.ROTATE_90).save(query / "turned.jpg", quality=85)
    tag = Image.Exif()
    tag[ExifTags.Base.Orientation] = 6
    own.save(query / "turned by its tag.jpg", quality=90, exif=tag)
    own.convert("L").save(query / "grey.jpg", quality=90)
    Image.open(DEMO / "photographs/coffee_03.png").save(query / "photograph.jpg", quality=75)
    Image.new("RGB", (64, 64), (20, 90, 200)).save(query / "flat.png")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    noise.filter(ImageFilter.GaussianBlur(6)).save(query / "smooth.png")
    Image.new("RGB", (8, 8), (20, 90, 200)).save(query / "small.png")
    (query / "broken.png").write_bytes(b"no picture")
    for name, texts in CLAIMED.items():
        info = PngImagePlugin.PngInfo()
        for keyword, text in texts.items():
            info.add_text(keyword, text)
        Image.open(query / f"{name}.png").save(query / f"{name} with claims.png", pnginfo=info)
    return folder, config


EXPECTED = {
    "broken.png": ("cannot say", [], "cannot be decoded"),
    "cropped.png": ("cannot say", [], "off the grid: 61x62"),
    "demo-sd.png": ("family", ["sd"], None),
    "demo-sd with claims.png": ("family", ["sd"], None),
    "demo-tiny.png": ("family", ["tiny"], None),
    "demo-tiny with claims.png": ("family", ["tiny"], None),
    "enlarged.png": ("family", ["sd"], None),
    "flat.png": ("cannot say", [], "one flat colour"),
    "grey.jpg": ("family", ["tiny"], None),
    "jpeg 75.jpg": ("family", ["tiny"], None),
    "jpeg 75 as.png": ("family", ["tiny"], None),
    "mirrored.png": ("family", ["tiny"], None),
    "photograph.jpg": ("none of these", [], None),
    "photograph größe.png": ("none of these", [], None),
    "progressive.jpg": ("family", ["tiny"], None),
    "small.png": ("cannot say", [], "flat colour"),
    "smooth.png": ("cannot say", [], "smoother"),
    "turned.jpg": ("family", ["tiny"], None),
    "turned by its tag.jpg": ("family", ["tiny"], None),
    "twice.jpg": ("family", ["tiny"], None),
}
# What some of them were read as.
READ_AS = {
    "demo-sd.png": "pixels stored without loss",
    "enlarged.png": "pixels stored without loss, enlarged from 64x64 (lanczos)",
    "jpeg 75.jpg": "a JPEG of quality 75",
    "jpeg 75 as.png": "a JPEG of quality 75, stored as PNG",
    "twice.jpg": "a JPEG of quality 92, made from one of quality 75",
}


def verdicts(folder: Path) -> dict[str, tuple]:
    table = results(folder, "verdicts", "results/verdicts/verdicts.parquet").replace({float("nan"): None})
    return {
        row.image_id.removeprefix("query/"): (row.verdict, list(row.autoencoders), row.reason)
        for row in table.itertuples()
    }


def check(found: dict[str, tuple]) -> None:
    assert set(found) == set(EXPECTED)
    for name, (verdict, autoencoders, reason) in EXPECTED.items():
        assert found[name][:2] == (verdict, autoencoders), name
        assert (reason is None) == (found[name][2] is None) and (reason or "") in (found[name][2] or ""), name


@pytest.fixture(scope="module")
def attributed(study) -> tuple[Path, dict]:
    folder, config = study
    before = {path: path.stat().st_mtime_ns for path in (folder / "results").rglob("*.parquet")}
    run = run_snakemake(folder, config | {"query": "query"}, "attribute")
    assert run.returncode == 0, run.stdout
    assert "Verdicts: family 13, cannot say 5, none of these 2" in run.stdout
    lines = {line.split("  ")[0]: line for line in run.stdout.splitlines()}
    assert re.search(r" decoded by tiny +tiny( [01]\.\d{3},?){3}$", lines["demo-tiny.png"]), run.stdout
    assert lines["broken.png"].split("cannot say")[1].strip().startswith("cannot be decoded")
    assert "photograph größe.png" in lines and "results/verdicts/verdicts.html" in run.stdout
    # The study itself is as it was.
    assert before == {path: path.stat().st_mtime_ns for path in before}
    return folder, config


def test_every_image_gets_the_verdict_that_it_deserves(attributed) -> None:
    check(verdicts(attributed[0]))


def test_every_image_is_read_as_what_was_done_to_it(attributed) -> None:
    table = results(attributed[0], "verdicts", "results/verdicts/verdicts.parquet").set_index("image_id")
    assert {name: table.loc[f"query/{name}", "history_in_words"] for name in READ_AS} == READ_AS
    turned = {"mirrored.png": 4, "turned.jpg": 3, "demo-tiny.png": 0, "turned by its tag.jpg": 0}
    for name, orientation in turned.items():
        (of_own,) = [e for e in table.loc[f"query/{name}", "evidence"] if e["autoencoder"] == "tiny"]
        assert of_own["orientation"] == orientation, name


def test_of_the_query_only_what_decides_is_measured(attributed) -> None:
    folder, _ = attributed
    table = results(folder, "verdicts", "results/verdicts/verdicts.parquet").set_index("image_id")
    own = read_calibration(folder / "results/calibration.parquet").reference(Promise(0.05)).own
    for family, image_id in {"sd": "query/demo-sd.png", "tiny": "query/demo-tiny.png"}.items():
        losses = results(folder, "losses", f"results/losses/{family}/query/*").set_index("image_id")
        # The study has two metrics more.
        assert set(losses["metric"]) == {"refined_l1", "refined_l2"}
        assert losses.loc[image_id, "second_loss"].notna().all()
        far = set(losses.index[losses["second_loss"].isna() & losses["first_loss"].notna()])
        assert losses.loc[sorted(far), "reason"].str.startswith("too far").all()
        for name, evidence in table["evidence"].items():
            for entry in evidence:
                if entry["autoencoder"] == family:
                    assert entry["is_bounded"] == (name in far), (family, name)
                    assert name not in far or entry["p_value"] == pytest.approx(1 / (len(own[family]) + 1))
    # One own image of sd has so large a second loss that hardly any image is beyond its limit. Not so of tiny.
    assert {"query/demo-sd.png", "query/photograph größe.png"} <= far


def test_claims_stand_beside_verdicts_and_change_none(attributed) -> None:
    folder, _ = attributed
    table = results(folder, "verdicts", "results/verdicts/verdicts.parquet").set_index("image_id")
    agreement = table["claim_agreement"].to_dict()
    assert agreement.pop("query/demo-sd with claims.png") == "contradicts"
    assert agreement.pop("query/demo-tiny with claims.png") == "agrees"
    assert agreement.pop("query/broken.png") == "cannot be compared"
    assert set(agreement.values()) == {"nothing claimed"}
    claims = table.loc["query/demo-sd with claims.png"]
    assert (claims["claimed_generator"], claims["claimed_model"]) == ("Automatic1111", "demo-tiny")
    assert "size 512x512, but the image has 64x64" in claims["claims_in_words"]
    decided = ["verdict", "autoencoders", "reason", "history_in_words", "width", "height", "evidence"]
    for name in CLAIMED:
        bare, claiming = (table.loc[f"query/{name}{end}.png", decided] for end in ("", " with claims"))
        assert str(bare.to_dict()) == str(claiming.to_dict())
    csv = pd.read_csv(folder / "results/verdicts/verdicts.csv")
    assert {"claim_agreement", "claims_in_words", "claimed_generator", "credentials_validity"} <= set(csv)


def test_the_page_and_the_csv_hold_every_image(attributed) -> None:
    folder, _ = attributed
    page = (folder / "results/verdicts/verdicts.html").read_text()
    assert page.count("<article ") == len(EXPECTED) and "photograph größe.png" in page and "nan" not in page.split()
    schema = json.loads((studies.ROOT / "workflow/schemas/verdict.schema.json").read_text())
    documents = [json.loads(line) for line in (folder / "results/verdicts/verdicts.jsonl").read_text().splitlines()]
    assert {document["name"] for document in documents} == set(EXPECTED)
    for document in documents:
        jsonschema.validate(document, schema)
        file = folder / "query" / document["name"]
        assert document["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        name, _, anchor = document["page"].partition("#")
        assert name == "verdicts.html" and f'id="{anchor}"' in page
        carried = (folder / "results/calibration.parquet").read_bytes()
        assert document["calibration"]["sha256"] == hashlib.sha256(carried).hexdigest()
    csv = pd.read_csv(folder / "results/verdicts/verdicts.csv")
    columns = {"signal_sd", "p_value_tiny", "corrected_p_value_tiny", "foreign_p_value_sd", "foreign_source_sd"}
    assert len(csv) == len(EXPECTED) and columns <= set(csv)
    # The images of the other model, which decoded the same photographs.
    assert set(csv["foreign_source_sd"].dropna()) == {"demo-tiny"}


def test_maps_are_drawn_of_every_image_that_holds_a_patch(attributed) -> None:
    folder, config = attributed
    run = run_snakemake(folder, config | {"query": "query"}, "map_query")
    assert run.returncode == 0, run.stdout
    for family in ("sd", "tiny"):
        made = sorted(path.name for path in (folder / "results/verdicts/maps" / family).glob("*.png"))
        named = [Path(name).stem for name in sorted(EXPECTED) if name != "broken.png"]
        assert made == [f"{number:05d}_{name}.png" for number, name in enumerate(named) if name != "small"]


@pytest.fixture
def elsewhere(attributed, tmp_path) -> tuple[Path, dict]:
    """Another machine: the calibration, the models' weights and the images, but no image of the study."""
    folder, config = attributed
    shutil.copy(folder / "results/calibration.parquet", tmp_path / "carried.parquet")
    shutil.copytree(folder / "query", tmp_path / "query")
    (tmp_path / "demo/models").mkdir(parents=True)
    for model in ("demo-sd", "demo-tiny"):
        (tmp_path / "demo/models" / model).symlink_to(DEMO / "models" / model)
    return tmp_path, config | {"query": "query", "calibration": "carried.parquet"}


def test_a_calibration_alone_gives_the_same_verdicts(elsewhere, attributed) -> None:
    folder, config = elsewhere
    models = dict(config["models"])
    # Known by its weights, whatever it is called.
    models["demo-sd"] = models["demo-sd"] | {"autoencoder": {"name": "mine"}}
    run = run_snakemake(folder, config | {"models": models}, "attribute")
    assert run.returncode == 0, run.stdout
    assert not (folder / "results/images/photographs").exists()
    check(verdicts(folder))


def test_calibrations_of_two_studies_are_merged_and_fit_what_each_of_them_fits(elsewhere) -> None:
    """As if one study had asked each autoencoder about its own images and the photographs, and no other images."""
    folder, config = elsewhere
    whole = read_calibration(folder / "carried.parquet")
    for name in ("sd", "tiny"):
        of_study = whole.rows["source"].isin(["photographs", f"demo-{name}"])
        rows = whole.rows[(whole.rows["autoencoder"] == name) & of_study]
        description = {**whole.description, "families": {name: whole.families[name]}}
        write_table(folder / f"{name}.parquet", "reference", rows, {"calibration": description})
    run = run_snakemake(folder, config | {"calibration": ["sd.parquet", "tiny.parquet"]}, "merge_calibrations")
    assert run.returncode == 0, run.stdout
    # What was merged is a calibration like any other, and nothing makes it again.
    merged = config | {"calibration": "results/merged_calibration.parquet"}
    run = run_snakemake(folder, merged, "results/verdicts/families.json")
    assert run.returncode == 0, run.stdout
    assert json.loads((folder / "results/verdicts/families.json").read_text()) == {"sd": "sd", "tiny": "tiny"}
    nothing = run_snakemake(folder, config, "merge_calibrations", "--dry-run")
    assert nothing.returncode == 1 and "No calibrations to merge" in nothing.stdout


@pytest.mark.parametrize(
    "promise, message",
    [
        ({"verdict_level": 0.01}, "there are 72 real reference images, but level 0.01 needs 99"),
        ({"verdict_confidence": 0.99}, "there are 72 real reference images, but level 0.05 (confidence 0.99) needs 90"),
    ],
)
def test_a_promise_that_the_calibration_cannot_keep_is_refused(elsewhere, promise, message) -> None:
    folder, config = elsewhere
    run = run_snakemake(folder, config | {"attribution": promise}, "attribute")
    assert run.returncode == 1
    assert message in run.stdout
    assert not (folder / "results/losses").exists()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"path": "demo/models/other"}, "sd has weights"),
        ({"autoencoder": {"name": "sd", "precision": "bfloat16"}}, "precision is bfloat16 here and float32 in the"),
    ],
)
def test_a_calibration_that_does_not_fit_is_refused_before_anything_is_reconstructed(
    elsewhere, changes, message
) -> None:
    folder, config = elsewhere
    (folder / "demo/models/other").symlink_to(DEMO / "models/demo-xl")
    models = {"demo-sd": config["models"]["demo-sd"] | changes}
    run = run_snakemake(folder, config | {"models": models}, "attribute")
    assert run.returncode == 1
    assert message in run.stdout and "Traceback" not in run.stdout
    assert not (folder / "results/losses").exists()


def test_a_question_without_images_says_how_to_ask(study) -> None:
    run = run_snakemake(*study, "attribute", "--dry-run")
    assert run.returncode == 1 and "--config query=FOLDER" in run.stdout


def test_an_image_that_was_cropped_is_recognised_where_the_grid_is_searched(attributed, tmp_path) -> None:
    """Of a size on the grid, so that nothing but the search can tell, and with the photograph cropped alike."""
    folder, config = attributed
    (tmp_path / "demo").symlink_to(DEMO)
    (tmp_path / "query").mkdir()
    for name in ["demo-tiny.png", "photograph größe.png"]:
        with Image.open(folder / "query" / name) as image:
            image.crop((3, 2, 63, 62)).save(tmp_path / "query" / name)
    searched = {
        "query": "query",
        "models": {"demo-tiny": config["models"]["demo-tiny"]},
        "reconstruction": {"metrics": ["high_frequency"], "off_grid": "search"},
        "attribution": studies.PIXEL_VERDICTS | {"undo_resizes": False},
    }
    run = run_snakemake(tmp_path, config | searched, "attribute")
    assert run.returncode == 0, run.stdout
    found = verdicts(tmp_path)
    assert found["demo-tiny.png"][:2] == ("family", ["tiny"])
    assert found["photograph größe.png"][0] == "cannot say"
    losses = results(tmp_path, "losses", "results/losses/tiny/query/*").set_index("image_id")
    assert losses.loc["query/demo-tiny.png", ["offset_rows", "offset_columns"]].tolist() == [2, 1]
    assert (losses["fit"] == "searched").all()


def test_of_what_people_drop_in_every_file_has_an_answer_or_a_reason_and_none_is_denied_falsely(elsewhere) -> None:
    folder, config = elsewhere
    own, other = (Image.open(folder / "query" / f"{name}.png").convert("RGB") for name in ("demo-tiny", "demo-sd"))
    dropped_files.write_dropped_files(folder / "dropped", own, [other, own, other])
    run = run_snakemake(folder, config | {"query": "dropped"}, "attribute")
    assert run.returncode == 0 and "Traceback" not in run.stdout, run.stdout
    found = verdicts(folder)
    for name, (_, words) in dropped_files.KINDS.items():
        verdict, autoencoders, reason = found.pop(name)
        if words is None:
            assert (verdict, autoencoders) == ("family", ["tiny"]), (name, reason)
        else:
            is_right = (verdict, autoencoders) == ("family", ["tiny"])
            assert is_right or (verdict == "cannot say" and words in reason), (name, verdict, reason)
    for name, side in dropped_files.COLLAGES.items():
        assert found.pop(name)[0] == "cannot say"
        places = [f"#xywh={left},{top},64,64" for top in (0, side) for left in (0, side)]
        assert [found.pop(name + place)[1] for place in places] == [["tiny"], ["sd"], ["tiny"], ["sd"]]
    (window,) = [name for name in found if name.startswith("window.png#xywh=")]
    parts = {"caption.png#xywh=0,0,64,64": ["tiny"], "screenshot.png#xywh=201,85,64,64": ["tiny"]}
    assert {name: autoencoders for name, (_, autoencoders, _) in found.items() if name != window} == parts
    assert found[window][:2] in (("family", ["tiny"]), ("cannot say", []))
