"""Rows of the denoising table: every image has some, and what cannot be measured says why."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from aedr.costs import Costs
from aedr.denoisers.measuring import Denoiser, DenoisingSettings, measure_shard
from aedr.errors import UserError
from aedr.images.pictures import decode_image, describe_image, encode_png, format_of
from aedr.observations.history import read_history
from aedr.observations.observing import observe
from aedr.observations.operators import ORIENTATIONS, turn
from aedr.reconstruction.observed_losses import refine
from aedr.reconstruction.shards import ReconstructionSettings
from plain_pipeline import BLOCKS, SIDE, PlainPipeline

CPU = torch.device("cpu")
SETTINGS = DenoisingSettings((0.5, 2.0), 2, 3)
READING = ReconstructionSettings(0, "A", "mode", "crop", None, 2)


def decoded(height: int, width: int, seed: int) -> torch.Tensor:
    """Return an image that the autoencoder decoded, of smooth blocks with whole levels."""
    coarse = torch.rand(1, 3, height // 16, width // 16, generator=torch.Generator().manual_seed(seed))
    latents = torch.nn.functional.interpolate(coarse, (height // SIDE, width // SIDE), mode="bilinear")
    return BLOCKS.decode((latents * 255).round() / 127.5 - 1)


def pixels_of(image: torch.Tensor) -> Any:
    return np.ascontiguousarray(((image[0].permute(1, 2, 0) + 1) * 127.5).round().byte().numpy())


def jpeg(image: torch.Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels_of(image)).save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


def measured(files: dict[str, bytes], pipeline: PlainPipeline, **orientations: int) -> pd.DataFrame:
    images = pd.DataFrame(
        [{"image_id": name, "source": "s"} | describe_image(data, name) for name, data in files.items()]
    )
    histories = [
        {"image_id": name, "stored": None, "history": read_history(data, format_of(data), decode_image(data)).to_json()}
        for name, data in files.items()
        if name != "broken"
    ]
    denoiser = Denoiser(pipeline, "plain", {}, Costs(CPU))
    known = pd.DataFrame(histories, columns=["image_id", "stored", "history"])
    return pd.DataFrame(measure_shard(images, known, BLOCKS, denoiser, SETTINGS, READING, {}, orientations))


def test_an_image_has_a_row_for_each_level_and_noise_or_one_with_the_reason() -> None:
    files = {
        "small": encode_png(pixels_of(decoded(32, 48, 0))),
        "broken": b"no picture",
        "cropped": encode_png(pixels_of(decoded(32, 48, 1))[:31, :46]),
        "large": encode_png(pixels_of(decoded(64, 80, 2))),
        "tiny": encode_png(np.full((2, 2, 3), 90, np.uint8)),
    }
    rows = measured(files, PlainPipeline(largest=64))
    assert rows["image_id"].tolist() == ["small"] * 4 + ["broken"] + ["cropped"] * 4 + ["large", "tiny"]
    assert (rows["source"] == "s").all() and (rows["model"] == "plain").all()
    small, cropped = rows[:4], rows[5:9]
    assert list(zip(small["level"], small["noise"], strict=True)) == [(0.5, 0), (0.5, 1), (2.0, 0), (2.0, 1)]
    assert small[["width", "height"]].drop_duplicates().values.tolist() == [[48, 32]]
    assert cropped[["width", "height"]].drop_duplicates().values.tolist() == [[44, 28]]
    assert small["error"].nunique() == 4 and small["reason"].isna().all()
    reasons = rows.dropna(subset="reason").set_index("image_id")
    assert reasons["error"].isna().all() and set(reasons["noise"]) == {0} and set(reasons["level"]) == {0.5}
    assert reasons.loc["large", "reason"] == "plain, 80x64 pixels: ValueError: no side may have more than 64 pixels"
    assert reasons.loc["broken", "reason"] == describe_image(b"no picture", "broken")["reason"]
    assert reasons.loc["tiny", "reason"].startswith("2x2 pixels are too few")


def test_rows_do_not_depend_on_the_other_images() -> None:
    files = {str(seed): encode_png(pixels_of(decoded(32, 48 + 16 * (seed % 2), seed))) for seed in range(4)}
    together = measured(files, PlainPipeline())
    for name in reversed(files):
        alone = measured({name: files[name]}, PlainPipeline())
        pd.testing.assert_frame_equal(alone, together[together["image_id"] == name].reset_index(drop=True))


def test_what_overflows_is_not_taken_for_an_error() -> None:
    files = {str(side): encode_png(pixels_of(decoded(32, side, 0))) for side in (32, 64)}
    rows = measured(files, PlainPipeline(lambda latents: 0.3 * latents if latents.shape[-1] == 8 else latents / 0))
    assert rows["image_id"].tolist() == ["32"] * 4 + ["64"]
    assert rows["reason"][4].startswith("plain, 64x32 pixels: what its denoiser says is not a number")


def test_a_turned_image_is_measured_as_it_was_decoded() -> None:
    image = decoded(32, 48, 5)
    plain = measured({"x": encode_png(pixels_of(image))}, PlainPipeline())
    for way in ORIENTATIONS:
        (back,) = [other for other in ORIENTATIONS if torch.equal(turn(turn(image, way), other), image)]
        rows = measured({"x": encode_png(pixels_of(turn(image, way)))}, PlainPipeline(), x=back)
        assert rows[["width", "height"]].equals(plain[["width", "height"]])
        np.testing.assert_allclose(rows["error"], plain["error"], rtol=1e-5)


def test_the_latents_of_a_jpeg_are_those_that_come_nearest_to_its_cell() -> None:
    image = decoded(32, 48, 6)
    data = jpeg(image)
    pixels = decode_image(data)
    observation = observe(data, pixels, read_history(data, "JPEG", pixels), (0, 0, 32, 48))
    refined, _ = refine(BLOCKS, observation, SETTINGS.refinement_steps)
    plain = BLOCKS.encode(observation.seen)
    assert (refined - plain).abs().max() > 1e-4
    denoiser = Denoiser(PlainPipeline(), "plain", {}, Costs(CPU))
    expected = denoiser.errors([refined[0]], SIDE, SETTINGS)[0]
    np.testing.assert_allclose(measured({"x": data}, PlainPipeline())["error"], expected.flatten(), rtol=1e-6)


def test_an_image_that_does_not_fit_into_memory_leaves_the_others() -> None:
    def denoise(latents: torch.Tensor) -> torch.Tensor:
        if latents.shape[-1] > 12:
            raise torch.OutOfMemoryError("full")
        return 0.3 * latents

    files = {str(side): encode_png(pixels_of(decoded(32, side, 0))) for side in (80, 32, 48)}
    rows = measured(files, PlainPipeline(denoise))
    assert rows["image_id"].tolist() == ["80"] + ["32"] * 4 + ["48"] * 4
    assert rows["reason"][0].startswith("plain, 80x32 pixels: its denoiser does not fit into the GPU's memory")
    alone = measured({"48": files["48"]}, PlainPipeline(denoise))
    assert alone["error"].tolist() == rows["error"][5:].tolist()


def test_a_pipeline_that_cannot_be_asked_at_all_is_named() -> None:
    files = {str(side): encode_png(pixels_of(decoded(32, side, 0))) for side in (32, 48)}
    message = "^models.plain: its denoiser could be asked about none of 2 images, the first: .* by more than a shift"
    with pytest.raises(UserError, match=message):
        measured(files, PlainPipeline(carry=torch.tanh))


def test_a_model_that_can_be_asked_about_no_image_is_named() -> None:
    files = {"tiny": encode_png(np.full((2, 2, 3), 90, np.uint8)), "large": encode_png(pixels_of(decoded(64, 80, 2)))}
    message = (
        "models.plain: its denoiser could be asked about none of 1 images, the first: plain, 80x64 pixels: ValueErr"
    )
    with pytest.raises(UserError, match=message):
        measured(files, PlainPipeline(largest=32))
    # Without usable images there is nothing to ask, which is no mistake of the model's.
    (row,) = measured({"broken": b"no picture"}, PlainPipeline()).to_dict("records")
    assert row["reason"]
