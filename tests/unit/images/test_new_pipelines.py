"""Pipelines newer than the published study's: tiny ones are generated, and each picture is what was decoded."""

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest

from aedr.errors import UserError
from aedr.images import generation, pipelines
from tiny_generation import CPU, PROMPTS, SEEDS
from tiny_pipelines import NEW_PIPELINES, save_new_pipeline, save_stable_cascade

SIZE = 64


def load(folder: Path, name: str, **options: Any) -> Any:
    save_new_pipeline(name, folder, **options)
    return pipelines.load_pipeline(folder, "new", settings_of(name), CPU)


def settings_of(name: str, **changes: Any) -> dict[str, Any]:
    settings = {"pipeline": name, "precision": "float32", "steps": 2, "image_size": SIZE}
    return settings | NEW_PIPELINES[name][1] | changes


def generate(pipeline: Any, rows: list[int], batch_size: int = 2, **changes: Any) -> list[Any]:
    arguments = pipelines.call_arguments(pipeline, "new", settings_of(type(pipeline).__name__, **changes))
    prompts, seeds = [PROMPTS[row] for row in rows], [SEEDS[row] for row in rows]
    return list(generation.generate_pictures(pipeline, "new", prompts, seeds, arguments, batch_size, SIZE))


@pytest.mark.parametrize("name", NEW_PIPELINES)
def test_a_new_pipeline_makes_pictures_that_depend_on_prompt_and_seed_alone(name: str, tmp_path: Path) -> None:
    pipeline = load(tmp_path, name)
    pictures = generate(pipeline, [0, 3, 1])
    for picture in pictures:
        assert picture.shape == (SIZE, SIZE, 3) and picture.std() > 5
    assert np.abs(pictures[0] - pictures[1].astype(float)).mean() > 2
    for row, picture in zip([1, 0], generate(pipeline, [1, 0]), strict=True):
        np.testing.assert_array_equal(picture, pictures[[0, 3, 1].index(row)])


def test_what_a_pipeline_does_by_default_is_left_to_it(tmp_path: Path) -> None:
    pipeline = load(tmp_path, "Flux2KleinPipeline")
    arguments = pipelines.call_arguments(pipeline, "new", settings_of("Flux2KleinPipeline", steps=None, guidance=None))
    assert not {"num_inference_steps", "guidance_scale"} & set(arguments)
    with pytest.raises(UserError, match="takes no guidance_scale: remove `guidance` .null is the pipeline's own"):
        pipelines.call_arguments(object.__new__(diffusers.HunyuanImagePipeline), "new", {"guidance": 3})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("QwenImagePipeline", {}, r"ignores guidance_scale: remove `guidance`.*true_cfg_scale.*`negative_prompt`"),
        ("Flux2KleinPipeline", {"is_distilled": True}, "ignores guidance_scale: remove `guidance`"),
    ],
)
def test_guidance_that_a_pipeline_ignores(name: str, options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        generate(load(tmp_path, name, **options), [0], guidance=7.5)


def test_a_picture_is_not_resized_after_decoding_and_its_prompt_not_rewritten(tmp_path: Path) -> None:
    pipeline = load(tmp_path, "PixArtSigmaPipeline")
    generate(pipeline, [0])
    with pytest.raises(UserError, match="resized or cropped after decoding, from 256x256 to 64x64 pixels"):
        generate(pipeline, [0], arguments={"use_resolution_binning": True})
    for name, switch in (("ErnieImagePipeline", "use_pe"), ("LongCatImagePipeline", "enable_prompt_rewrite")):
        pipeline = object.__new__(getattr(diffusers, name))
        assert pipelines.call_arguments(pipeline, "new", {})[switch] is False
        assert pipelines.call_arguments(pipeline, "new", {"arguments": {switch: True}})[switch] is True


def test_a_transparent_picture_is_refused(tmp_path: Path) -> None:
    (reason,) = generate(load(tmp_path, "QwenImage21Pipeline", opacity=0), [0])
    assert reason.startswith("transparent picture: opacity down to ")


def test_a_model_that_diffusers_cannot_read_says_so(tmp_path: Path) -> None:
    save_stable_cascade(tmp_path)
    settings = {"pipeline": "StableCascadeDecoderPipeline", "precision": "float32"}
    with pytest.raises(UserError, match="cannot be loaded as StableCascadeDecoderPipeline.*no class `PaellaVQModel`"):
        pipelines.load_pipeline(tmp_path, "cascade", settings, CPU)


@pytest.mark.parametrize(
    ("name", "is_listed"),
    [("ChromaPipeline", True), ("ChromaPipeline", False), ("Flux3DistilledModularPipeline", True)],
)
def test_parts_from_elsewhere(name: str, is_listed: bool, tmp_path: Path) -> None:
    folder = save_new_pipeline(name, tmp_path / "model")
    expected = generate(pipelines.load_pipeline(folder, "new", settings_of(name), CPU), [0])
    components = {part: str(tmp_path / "elsewhere" / part) for part in ("text_encoder", "tokenizer")}
    for part, place in components.items():
        shutil.move(folder / part, place)
    if not is_listed:
        index = json.loads((folder / "model_index.json").read_text())
        index["text_encoder"] = [None, None]
        (folder / "model_index.json").write_text(json.dumps(index))
    pipeline = pipelines.load_pipeline(folder, "new", settings_of(name), CPU, components=components)
    np.testing.assert_array_equal(generate(pipeline, [0]), expected)


def test_a_part_of_a_modular_pipeline_that_is_missing(tmp_path: Path) -> None:
    save_new_pipeline("Flux3DistilledModularPipeline", tmp_path)
    shutil.rmtree(tmp_path / "text_encoder")
    with pytest.raises(UserError, match="models.new: text_encoder cannot be loaded from .*must be a subfolder there"):
        pipelines.load_pipeline(tmp_path, "new", settings_of("Flux3DistilledModularPipeline"), CPU)
