"""Generation with tiny random models of all eight kinds: seeds, sizes, and the reasons for missing pictures."""

import functools
import shutil
from pathlib import Path
from typing import Any

import accelerate
import diffusers
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageFilter

import tiny_models
from aedr.costs import Costs
from aedr.errors import UserError
from aedr.images import generation, pipelines
from aedr.images.company import PROBES, follows_prompt_lengths
from aedr.images.pictures import decode_image
from aedr.seeds import seed_of
from aedr.tables.files import read_table, write_table
from generate_images import generate_images
from tiny_generation import CPU, PIPELINES, PROMPTS, SIZE, generate, settings_of


@pytest.mark.parametrize("model", PIPELINES)
def test_a_picture_depends_on_its_prompt_and_seed_alone(load: Any, model: str) -> None:
    pipeline = load(model)
    assert type(pipeline).__name__ == PIPELINES[model]
    assert not follows_prompt_lengths(pipeline, pipelines.call_arguments(pipeline, model, settings_of(model)))
    pictures = generate(pipeline, model, range(5), batch_size=4)
    for picture in pictures:
        assert picture.shape == (SIZE, SIZE, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 5
    for number, picture in enumerate(pictures):
        assert all(np.abs(picture - other.astype(float)).mean() > 3 for other in pictures[:number])
    # Other shards, another order, other company: the same to the last bit.
    for rows in ([3, 0], [4], [2, 4, 1, 0, 3]):
        for row, picture in zip(rows, generate(pipeline, model, rows, batch_size=4), strict=True):
            np.testing.assert_array_equal(picture, pictures[row])
    # Other batches make other kernels round otherwise, which may carry a value over to the next of 256 levels.
    for batch_size in (1, 2):
        for picture, expected in zip(generate(pipeline, model, range(5), batch_size), pictures, strict=True):
            difference = np.abs(picture.astype(int) - expected.astype(int))
            assert difference.max() <= 1
            assert (difference > 0).mean() < 0.01


def test_a_picture_depends_on_its_seed(load: Any) -> None:
    first, second = (
        next(generation.generate_pictures(load("sd15"), "sd15", ["a cat"], [seed], {"num_inference_steps": 2}))
        for seed in (1, 2)
    )
    assert np.abs(np.asarray(first, float) - np.asarray(second, float)).mean() > 3


@pytest.mark.parametrize("model", ["sd15", "kd21"])
def test_negative_prompts_reach_every_picture_of_a_batch(load: Any, model: str) -> None:
    plain = generate(load(model), model, range(3), 3)
    negative = generate(load(model), model, range(3), 3, negative_prompt="a blue photo")
    for picture, other, alone in zip(
        plain, negative, generate(load(model), model, range(3), 1, negative_prompt="a blue photo"), strict=True
    ):
        assert not np.array_equal(picture, other)
        assert np.abs(other.astype(int) - alone.astype(int)).max() <= 1


def test_a_size_that_a_model_does_not_make(load: Any) -> None:
    with pytest.raises(UserError, match="image_size is 512, but VQDiffusionPipeline made a picture of 32x32"):
        generate(load("vqdm"), "vqdm", [0], 1, image_size=512)


def test_a_picture_of_which_one_side_only_is_as_asked(load: Any) -> None:
    with pytest.raises(UserError, match="image_size is 32, but StableDiffusionPipeline made a picture of 48x32"):
        generate(load("sd15"), "sd15", [0], 1, arguments={"width": 48})


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(2))


def watermarked(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture) ^ 4)


def transparent(picture: Image.Image) -> Image.Image:
    picture.putalpha(200)
    return picture


def nearly_opaque(picture: Image.Image) -> Image.Image:
    picture.putalpha(254)
    return picture


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (blurred, "100% of its pixels differ, .* as if blurred after decoding"),
        (watermarked, "by up to 4 of 256 levels, as if watermarked or changed.* .the pipeline has a safety_checker"),
        (lambda picture: picture.resize((SIZE, SIZE // 2)), "resized or cropped after decoding, from 32x32 to 32x16"),
    ],
)
def test_a_picture_is_what_the_autoencoder_put_out(
    load: Any, monkeypatch: pytest.MonkeyPatch, change: Any, message: str
) -> None:
    change_pictures(load("sd15"), monkeypatch, change)
    with pytest.raises(UserError, match=f"models.sd15: .* not what its autoencoder put out: .*{message}"):
        generate(load("sd15"), "sd15", range(2), 2)


def change_pictures(pipeline: Any, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Let a pipeline change its pictures after decoding."""
    finish = pipeline.image_processor.postprocess
    monkeypatch.setattr(
        pipeline.image_processor, "postprocess", lambda *given, **more: [change(p) for p in finish(*given, **more)]
    )


def test_opacity_is_dropped_only_where_a_picture_is_opaque(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (expected,) = generate(load("sd15"), "sd15", [0], 1)
    change_pictures(load("sd15"), monkeypatch, nearly_opaque)
    np.testing.assert_array_equal(generate(load("sd15"), "sd15", [0], 1), [expected])
    change_pictures(load("sd15"), monkeypatch, transparent)
    assert generate(load("sd15"), "sd15", [0], 1) == ["transparent picture: opacity down to 200 of 255"]


def test_a_batch_that_shares_random_numbers_is_made_one_by_one(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = type(load("sd15")).encode_prompt

    def rewritten(self: Any, prompt: list[str], *given: Any, **more: Any) -> Any:
        # As a language model that samples.
        return encode(self, [f"{text} {torch.rand(()):.3f}" for text in prompt], *given, **more)

    monkeypatch.setattr(type(load("sd15")), "encode_prompt", rewritten)
    pictures = generate(load("sd15"), "sd15", range(3), 3)
    assert not np.array_equal(pictures[0], pictures[1])
    torch.rand(5)
    for row in (2, 1):
        np.testing.assert_array_equal(generate(load("sd15"), "sd15", [row], 2), [pictures[row]])


def fail_when(pipeline: Any, monkeypatch: pytest.MonkeyPatch, broken: Any) -> list[int]:
    """Let a pipeline raise `broken(prompts)` where that is not None; return the sizes of the calls it gets."""
    call, sizes = type(pipeline).__call__, []

    def failing(self: Any, prompt: list[str], **arguments: Any) -> Any:
        if prompt[0] in PROBES:
            return call(self, prompt=prompt, **arguments)
        sizes.append(len(prompt))
        if (error := broken(prompt)) is not None:
            raise error
        return call(self, prompt=prompt, **arguments)

    # The arguments are read off the signature.
    monkeypatch.setattr(type(pipeline), "__call__", functools.wraps(call)(failing))
    return sizes


def test_only_the_prompt_at_fault_has_no_picture(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = generate(load("sd15"), "sd15", range(5), 4)
    fail_when(load("sd15"), monkeypatch, lambda prompts: ValueError("no rockets") if PROMPTS[1] in prompts else None)
    pictures = generate(load("sd15"), "sd15", range(5), 4)
    assert pictures[1] == "generation failed: ValueError: no rockets"
    for row in (0, 2, 3, 4):
        np.testing.assert_array_equal(pictures[row], expected[row])


def test_a_fault_of_every_prompt_is_the_models(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_when(load("sd15"), monkeypatch, lambda prompts: RuntimeError("shapes differ"))
    with pytest.raises(
        UserError, match="models.sd15: all 5 prompts failed, the first with RuntimeError: shapes differ"
    ):
        generate(load("sd15"), "sd15", range(5), 4)


def test_a_fault_of_the_device_is_no_prompts(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_when(load("sd15"), monkeypatch, lambda prompts: torch.AcceleratorError("CUDA error: launch failure"))
    with pytest.raises(torch.AcceleratorError):
        generate(load("sd15"), "sd15", range(5), 4)


def test_a_batch_that_does_not_fit_is_halved(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = generate(load("sd15"), "sd15", range(5), 2)
    sizes = fail_when(
        load("sd15"), monkeypatch, lambda prompts: torch.OutOfMemoryError("full") if len(prompts) > 2 else None
    )
    for picture, other in zip(generate(load("sd15"), "sd15", range(5), 5), expected, strict=True):
        np.testing.assert_array_equal(picture, other)
    assert sizes == [5, 3, 2, 2, 2]


def layer_by_layer(pipeline: Any, device: torch.device) -> None:
    """Offload as `enable_sequential_cpu_offload`, which calls the CPU cpu:0: accelerate takes it for another device."""
    pipeline.remove_all_hooks()
    for component in pipeline.components.values():
        if isinstance(component, torch.nn.Module):
            accelerate.cpu_offload(component, device)


def test_a_picture_that_does_not_fit_is_made_with_offloaded_weights(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = pipelines.load_pipeline(folders["sd2base"], "sd2base", settings_of("sd2base"), CPU)
    expected = generate(pipeline, "sd2base", range(2), 1)
    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "enable_sequential_cpu_offload", layer_by_layer)
    faults = [torch.OutOfMemoryError("full") for _ in range(3)]
    sizes = fail_when(pipeline, monkeypatch, lambda prompts: faults.pop() if faults else None)
    costs = Costs(CPU)
    for picture, other in zip(generate(pipeline, "sd2base", range(2), 2, costs), expected, strict=True):
        np.testing.assert_array_equal(picture, other)
    ways = ["batches of 1", "one component at a time on the GPU", "one layer at a time on the GPU"]
    assert costs.fallbacks == ways and sizes == [2, 1, 1, 1, 1]
    faults = [torch.OutOfMemoryError("full")]
    with pytest.raises(UserError, match="models.sd2base: not even one picture fits.*`precision` of 16 bits"):
        generate(pipeline, "sd2base", [0], 1)


def test_a_pipeline_that_cannot_be_offloaded_says_so(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_when(load("vqdm"), monkeypatch, lambda prompts: torch.OutOfMemoryError("full"))
    with pytest.raises(UserError, match="models.vqdm: not even one picture fits"):
        generate(load("vqdm"), "vqdm", [0], 1)


def run(
    folder: Path,
    tmp_path: Path,
    rows: tuple[int, int] = (1, 4),
    model: str = "sd15",
    changes: dict[int, dict[str, Any]] | None = None,
) -> pd.DataFrame:
    prompts: list[dict[str, Any]] = [
        {"prompt_id": f"{number:05d}", "prompt": prompt} | (changes or {}).get(number, {})
        for number, prompt in enumerate(PROMPTS)
    ]
    write_table(tmp_path / "prompts.parquet", "prompts", prompts, {})
    settings = settings_of(model, variant=None, negative_prompt=None)
    cost = {"device": "cpu", "batch_size": 2, "offload": True, "attention_slicing": False}
    output = tmp_path / "images.parquet"
    generate_images(str(tmp_path / "prompts.parquet"), str(output), str(folder), model, rows, 7, settings, cost)
    return read_table(output, "images")


def test_the_table_of_a_shard(folders: dict[str, Path], tmp_path: Path) -> None:
    images = run(folders["sd15"], tmp_path)
    assert images["image_id"].tolist() == ["sd15/00001", "sd15/00002", "sd15/00003"]
    assert images["prompt"].tolist() == PROMPTS[1:4]
    assert images["seed"].tolist() == [seed_of(7, "sd15", f"0000{number}") for number in (1, 2, 3)]
    assert images["reason"].isna().all()
    assert set(images["format"]) == {"PNG"}
    assert (images[["width", "height"]] == SIZE).all(axis=None)
    assert decode_image(images["image"][0]["bytes"], SIZE * SIZE).shape == (SIZE, SIZE, 3)
    pd.testing.assert_frame_equal(run(folders["sd15"], tmp_path), images)


def test_a_photograph_without_a_prompt_costs_its_own_image_alone(folders: dict[str, Path], tmp_path: Path) -> None:
    expected = run(folders["sd15"], tmp_path)
    missing = {"prompt": None, "image_id": "real/see through.png", "reason": "transparent pixels"}
    images = run(folders["sd15"], tmp_path, changes={2: missing})
    assert images["reason"][1] == "no prompt: real/see through.png: transparent pixels"
    # A missing seed makes the others floating-point.
    pd.testing.assert_frame_equal(images.drop(1), expected.drop(1), check_dtype=False)


def test_a_flagged_picture_is_a_row_that_says_so(tmp_path: Path) -> None:
    tiny_models.save_stable_diffusion(tmp_path / "model", flagged=True)
    images = run(tmp_path / "model", tmp_path)
    assert images["reason"].tolist() == ["flagged by the safety checker"] * 3
    assert images["image"].isna().all()
    assert images["sha256"].isna().all()


def test_a_black_picture_is_a_row_that_says_so(folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(folders["sd2base"], tmp_path / "sd2base")
    file = tmp_path / "sd2base/vae/diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    # What half precision does to some autoencoders: one weight that is no number blackens every pixel.
    tensors["decoder.conv_out.bias"].fill_(float("nan"))
    save_file(tensors, file, {"format": "pt"})
    images = run(tmp_path / "sd2base", tmp_path, model="sd2base")
    assert images["reason"].tolist() == ["black picture"] * 3
    assert images["image"].isna().all()


def test_a_prompts_table_that_is_too_short(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds 5 prompts, fewer than 9"):
        run(folders["sd15"], tmp_path, rows=(4, 9))
