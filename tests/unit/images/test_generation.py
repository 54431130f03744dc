"""Generation with tiny random models of all eight kinds: seeds, sizes, and the reasons for missing pictures."""

import functools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import accelerate
import diffusers
import numpy as np
import pandas as pd
import pytest
import torch

import tiny_models
from aedr.costs import Costs
from aedr.errors import UserError
from aedr.images import generation, pipelines
from aedr.images.pictures import decode_image
from aedr.seeds import seed_of
from aedr.tables.files import read_table, write_table
from generate_images import generate_images

PROMPTS = ["a cat", "a rocket in the blue", "painting, coffee and a red flower, photo", "temple " * 90, ""]
SEEDS = [seed_of(0, prompt) for prompt in PROMPTS]
PIPELINES = {
    "sd15": "StableDiffusionPipeline",
    "sd2base": "StableDiffusionPipeline",
    "sd21": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sd35": "StableDiffusion3Pipeline",
    "flux": "FluxPipeline",
    "kd21": "KandinskyCombinedPipeline",
    "vqdm": "VQDiffusionPipeline",
}
CPU = torch.device("cpu")

# Pictures of 32 pixels are too small for threads to help.
torch.set_num_threads(1)

SIZE = 32


def settings_of(model: str, **changes: Any) -> dict[str, Any]:
    size = {} if model == "vqdm" else {"image_size": SIZE}
    return {"pipeline": PIPELINES[model], "precision": "float32", "steps": 3, "guidance": 7.5} | size | changes


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    for model, save in tiny_models.TINY_MODELS.items():
        save(root / model)
    return {model: root / model for model in tiny_models.TINY_MODELS}


@pytest.fixture(scope="module")
def load(folders: dict[str, Path]) -> Any:
    @functools.cache
    def load(model: str) -> Any:
        return pipelines.load_pipeline(folders[model], model, settings_of(model), CPU)

    return load


def generate(
    pipeline: Any, model: str, rows: Sequence[int], batch_size: int, costs: Costs | None = None, **changes: Any
) -> list[Any]:
    settings = settings_of(model, **changes)
    arguments = pipelines.call_arguments(pipeline, model, settings)
    prompts, seeds = [PROMPTS[row] for row in rows], [SEEDS[row] for row in rows]
    size = settings.get("image_size")
    return list(generation.generate_pictures(pipeline, model, prompts, seeds, arguments, batch_size, size, costs))


@pytest.mark.parametrize("model", PIPELINES)
def test_a_picture_depends_on_its_prompt_and_seed_alone(load: Any, model: str) -> None:
    pipeline = load(model)
    assert type(pipeline).__name__ == PIPELINES[model]
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


def test_the_index_of_the_published_vq_diffusion_loads(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["vqdm"], tmp_path / "vqdm")
    index = json.loads((tmp_path / "vqdm/model_index.json").read_text())
    index["learned_classifier_free_sampling_embeddings"][0] = "vq_diffusion"
    (tmp_path / "vqdm/model_index.json").write_text(json.dumps(index))
    pipeline = pipelines.load_pipeline(tmp_path / "vqdm", "vqdm", settings_of("vqdm"), CPU)
    assert pipeline.learned_classifier_free_sampling_embeddings.embeddings.abs().sum() == 0
    assert generate(pipeline, "vqdm", [0], 1, arguments={"truncation_rate": 0.86})[0].shape == (SIZE, SIZE, 3)


def test_precision_and_automatic_class(folders: dict[str, Path]) -> None:
    settings = settings_of("flux", pipeline="AutoPipelineForText2Image", precision="bfloat16", attention_slicing=True)
    pipeline = pipelines.load_pipeline(folders["flux"], "flux", settings, CPU)
    assert type(pipeline).__name__ == "FluxPipeline"
    assert pipeline.transformer.dtype == pipeline.vae.dtype == torch.bfloat16
    assert generate(pipeline, "flux", [0], 1)[0].shape == (SIZE, SIZE, 3)


def pickle_weights(folder: Path) -> None:
    """Turn a component's weights into the pickle that older repositories hold."""
    from safetensors.torch import load_file

    (file,) = folder.glob("*.safetensors")
    name = "pytorch_model.bin" if file.name == "model.safetensors" else "diffusion_pytorch_model.bin"
    torch.save(load_file(file), folder / name)
    file.unlink()


def test_pickled_weights_only_where_trusted(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "sd2base"
    shutil.copytree(folders["sd2base"], folder)
    for component in ("vae", "text_encoder"):
        pickle_weights(folder / component)
    with pytest.raises(UserError, match="models.sd2base: .*trusted_pickle: true"):
        pipelines.load_pipeline(folder, "sd2base", settings_of("sd2base"), CPU)
    pipeline = pipelines.load_pipeline(folder, "sd2base", settings_of("sd2base", trusted_pickle=True), CPU)
    assert generate(pipeline, "sd2base", [0], 1)[0].shape == (SIZE, SIZE, 3)


def test_a_variant_that_only_some_components_have(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "sd2base"
    shutil.copytree(folders["sd2base"], folder)
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    settings = settings_of("sd2base", variant="fp16")
    assert generate(pipelines.load_pipeline(folder, "sd2base", settings, CPU), "sd2base", [0], 1)[0].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pipeline": "StableDifusionPipeline"}, "no class StableDifusionPipeline.*Similar: StableDiffusionPipeline"),
        ({"pipeline": "FluxPipeline"}, "cannot be loaded as FluxPipeline"),
        ({"variant": "fp16"}, "cannot be loaded .*check `pipeline`, `variant`"),
    ],
)
def test_a_model_that_cannot_be_loaded(folders: dict[str, Path], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"models.sd2base: .*{message}"):
        pipelines.load_pipeline(folders["sd2base"], "sd2base", settings_of("sd2base", **changes), CPU)


def test_a_damaged_or_missing_model(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"models.sd15: .*no model_index.json"):
        pipelines.load_pipeline(tmp_path, "sd15", settings_of("sd15"), CPU)
    shutil.copytree(folders["sd15"], tmp_path / "sd15")
    weights = tmp_path / "sd15/unet/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"models.sd15: .*cannot be loaded"):
        pipelines.load_pipeline(tmp_path / "sd15", "sd15", settings_of("sd15"), CPU)


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("vqdm", {"negative_prompt": "blue"}, "VQDiffusionPipeline takes no negative_prompt: remove `negative_prompt`"),
        ("sd15", {"arguments": {"truncation_rate": 1.0}}, "remove `arguments: truncation_rate`.*It takes: prompt"),
    ],
)
def test_settings_that_a_pipeline_does_not_take(load: Any, model: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        pipelines.call_arguments(load(model), model, settings_of(model, **changes))


def test_a_size_that_a_model_does_not_make(load: Any) -> None:
    with pytest.raises(UserError, match="image_size is 512, but VQDiffusionPipeline made a picture of 32x32"):
        generate(load("vqdm"), "vqdm", [0], 1, image_size=512)


def fail_when(pipeline: Any, monkeypatch: pytest.MonkeyPatch, broken: Any) -> list[int]:
    """Let a pipeline raise `broken(prompts)` where that is not None; return the sizes of the calls it gets."""
    call, sizes = type(pipeline).__call__, []

    def failing(self: Any, prompt: list[str], **arguments: Any) -> Any:
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
    with pytest.raises(UserError, match="models.sd2base: one picture alone does not fit.*`precision` of 16 bits"):
        generate(pipeline, "sd2base", [0], 1)


def test_a_pipeline_that_cannot_be_offloaded_says_so(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_when(load("vqdm"), monkeypatch, lambda prompts: torch.OutOfMemoryError("full"))
    with pytest.raises(UserError, match="models.vqdm: one picture alone does not fit"):
        generate(load("vqdm"), "vqdm", [0], 1)


def test_weights_that_do_not_fit_are_offloaded(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = generate(pipelines.load_pipeline(folders["sd15"], "sd15", settings_of("sd15"), CPU), "sd15", [0], 1)
    to, faults = diffusers.StableDiffusionPipeline.to, [torch.OutOfMemoryError("full")]

    def failing(self: Any, *arguments: Any, **options: Any) -> Any:
        if faults:
            raise faults.pop()
        return to(self, *arguments, **options)

    monkeypatch.setattr(diffusers.StableDiffusionPipeline, "to", failing)
    costs = Costs(CPU)
    pipeline = pipelines.load_pipeline(folders["sd15"], "sd15", settings_of("sd15"), CPU, costs)
    assert costs.fallbacks == ["one component at a time on the GPU"]
    np.testing.assert_array_equal(generate(pipeline, "sd15", [0], 1), expected)


def run(folder: Path, tmp_path: Path, rows: tuple[int, int] = (1, 4), model: str = "sd15") -> pd.DataFrame:
    prompts = [{"prompt_id": f"{number:05d}", "prompt": prompt} for number, prompt in enumerate(PROMPTS)]
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
