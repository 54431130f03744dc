"""Losses where a picture was observed: an own image is known through a JPEG, and another one does not become known."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from aedr.autoencoders.loading import Autoencoder
from aedr.costs import Costs
from aedr.images.pictures import decode_image, describe_image, encode, encode_png, format_of
from aedr.observations.history import read_history
from aedr.observations.observing import observe, repeated
from aedr.observations.operators import ORIENTATIONS, turn
from aedr.reconstruction.limits import Limit
from aedr.reconstruction.observed_losses import ROUNDING, find_orientations, observed_losses, refine
from aedr.reconstruction.observed_shards import WITHOUT_CONTROL, observe_shard
from aedr.reconstruction.shards import ReconstructionSettings
from aedr.study.metrics import OBSERVED

PHOTOGRAPH = np.asarray(Image.open(Path(__file__).parents[3] / "demo/photographs/chelsea_05.png").convert("RGB"))


class Blocks:
    """Decodes a latent to a block of 4x4 pixels that grows darker to the right; encodes by the mean, with a bias."""

    config = SimpleNamespace()
    dtype = torch.float32
    device = torch.device("cpu")
    slope = torch.linspace(0.1, -0.1, 4)

    def encode(self, images: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(latents=F.avg_pool2d(images, 4) * 0.98 + 0.004)

    def decode(self, latents: torch.Tensor) -> SimpleNamespace:
        blocks = latents.repeat_interleave(4, -2).repeat_interleave(4, -1)
        return SimpleNamespace(sample=blocks + self.slope.repeat(latents.shape[-1]))


AUTOENCODER = Autoencoder(Blocks(), 4, quantise=False)


def own_image() -> np.ndarray:
    """What the autoencoder makes of a photograph, as 8-bit pixels."""
    image = torch.from_numpy(PHOTOGRAPH.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None] * 0.7
    decoded = AUTOENCODER.reconstruct(image, "mode", ())[0].permute(1, 2, 0)
    return ((decoded + 1) * 127.5).round().clamp(0, 255).byte().numpy()


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def ratios(data: bytes, steps: int = 2) -> dict[str, float]:
    pixels = decode_image(data, upright=False)
    observation = observe(data, pixels, read_history(data, format_of(data), pixels), (0, 0, *pixels.shape[:2]))
    losses = observed_losses(AUTOENCODER, observation, OBSERVED, steps)
    return {metric: first / second for metric, [(first, second)] in losses.items()}


@pytest.mark.parametrize("quality", [None, 95, 75, 50])
def test_an_own_image_is_known_through_a_jpeg_and_another_one_is_not(quality) -> None:
    own, other = (
        encode_png(pixels) if quality is None else jpeg(pixels, quality) for pixels in (own_image(), PHOTOGRAPH)
    )
    of_own, of_other = ratios(own), ratios(other)
    for metric in ("refined_l1", "refined_l2"):
        assert of_own[metric] < 1.6 and of_other[metric] > 5, metric
    # Without the control, the pixels of a compressed own image are far from their reconstruction.
    assert set(of_own) == set(OBSERVED)


def test_refinement_comes_nearer_to_the_cell_and_stops_at_the_plain_reconstruction_without_steps() -> None:
    data = jpeg(own_image(), 75)
    pixels = decode_image(data)
    observation = observe(data, pixels, read_history(data, "JPEG", pixels), (0, 0, *pixels.shape[:2]))
    plain, *others = (
        observation.distances(refine(AUTOENCODER, observation, steps)[1]).squared.item() for steps in (0, 2, 6)
    )
    assert plain == observation.distances(AUTOENCODER.reconstruct(observation.seen, "mode", ())).squared.item()
    assert others[1] <= others[0] < plain / 2
    assert min(ratios(data, 0).values()) > 0 and ROUNDING > 0


def test_the_orientation_in_which_an_image_was_decoded_has_the_smallest_loss() -> None:
    decoded = torch.from_numpy(own_image().astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    # Turned back by its number, each image is as it was decoded. The blocks are the same up and down.
    found = [find_orientations(AUTOENCODER, turn(decoded, way))[0] for way in ORIENTATIONS]
    for way, back in zip(ORIENTATIONS, found, strict=True):
        again = turn(turn(decoded, way), back)
        assert torch.equal(again, decoded) or torch.equal(again, decoded.flip(-2))


def test_rows_say_what_was_found_and_only_the_first_images_of_a_source_are_measured() -> None:
    own = own_image()
    files = {
        "plain.png": encode_png(own),
        "mirrored.png": encode_png(np.ascontiguousarray(own[:, ::-1])),
        "wide.jpg": jpeg(np.hstack([own, own])[:, :100], 80),
        "flat.png": encode_png(np.full((64, 64, 3), 90, np.uint8)),
        "beyond.png": encode_png(own),
    }
    images = pd.DataFrame(
        [{"image_id": f"x/{name}", "source": "x"} | describe_image(data, name) for name, data in files.items()]
    )
    images.loc[3, ["image", "reason"]] = [None, "broken"]
    histories = pd.DataFrame(
        {
            "image_id": images["image_id"],
            "history": [read_history(data, format_of(data), decode_image(data)).to_json() for data in files.values()],
            "stored": None,
        }
    )
    settings = ReconstructionSettings(0, "A", "mode", "crop", None, 2, orientations="search", refined_images=4)
    rows = pd.DataFrame(observe_shard(images, histories, AUTOENCODER, ["cell_l1", "refined_l2"], settings, Costs(CPU)))
    assert len(rows) == 4 * 2 and not (rows["image_id"] == "x/beyond.png").any()
    measured = rows[rows["metric"] == "refined_l2"].set_index("image_id")
    ratio = measured["first_loss"] / measured["second_loss"]
    assert measured.loc["x/mirrored.png", "orientation"] in (2, 4) and measured.loc["x/plain.png", "orientation"] in (
        0,
        6,
    )
    assert ratio["x/plain.png"] == pytest.approx(ratio["x/mirrored.png"], rel=1e-3)
    assert measured.loc["x/wide.jpg", ["height", "width"]].tolist() == [64, 100]
    assert measured.loc["x/flat.png", "reason"] == "broken" and np.isnan(measured.loc["x/flat.png", "first_loss"])


def test_a_control_that_was_damaged_again_does_not_depend_on_the_batch() -> None:
    def webp(pixels: np.ndarray) -> bytes:
        return encode(pixels, "WEBP", quality=80)

    pictures = [own_image(), PHOTOGRAPH, np.ascontiguousarray(PHOTOGRAPH[::-1])]
    for name, encoder in {"codec": webp, "pixels": lambda pixels: encode_png(decode_image(webp(pixels)))}.items():
        files = [encoder(pixels) for pixels in pictures]
        ids = [f"{name}/{number}" for number in range(len(files))]
        images = pd.DataFrame(
            [{"image_id": i, "source": name} | describe_image(data, i) for i, data in zip(ids, files, strict=True)]
        )
        read = [read_history(data, format_of(data), decode_image(data)).to_json() for data in files]
        histories = pd.DataFrame({"image_id": ids, "history": read, "stored": None})
        second = []
        for batch_size in (1, 3):
            settings = ReconstructionSettings(
                0, "A", "mode", "crop", None, batch_size, orientations="stored", damage=repeated(encoder)
            )
            rows = pd.DataFrame(observe_shard(images, histories, AUTOENCODER, OBSERVED, settings, Costs(CPU)))
            second.append(rows["second_loss"].to_numpy(dtype=float))
        assert second[0] == pytest.approx(second[1], rel=1e-3), name


class Counted(Blocks):
    """Counts the images that pass through either half."""

    def __init__(self) -> None:
        self.passed = 0

    def encode(self, images: torch.Tensor) -> SimpleNamespace:
        self.passed += len(images)
        return super().encode(images)

    def decode(self, latents: torch.Tensor) -> SimpleNamespace:
        self.passed += len(latents)
        return super().decode(latents)


def test_an_image_that_is_too_far_whatever_its_control_loses_has_no_control_in_any_batch() -> None:
    others = [PHOTOGRAPH, np.ascontiguousarray(PHOTOGRAPH[::-1])]
    files = [jpeg(pixels, 80) for pixels in (own_image(), *others, np.ascontiguousarray(own_image()[::-1]))]
    files += [encode_png(pixels) for pixels in (others[0], own_image(), others[1])]
    ids = [f"x/{number}" for number in range(len(files))]
    images = pd.DataFrame(
        [{"image_id": i, "source": "x"} | describe_image(data, i) for i, data in zip(ids, files, strict=True)]
    )
    read = [read_history(data, format_of(data), decode_image(data)).to_json() for data in files]
    histories = pd.DataFrame({"image_id": ids, "history": read, "stored": None})
    metrics = ("refined_l1", "refined_l2")

    def measured(batch_size: int, limits: dict[str, Limit]) -> tuple[pd.DataFrame, int]:
        network = Counted()
        autoencoder = Autoencoder(network, 4, quantise=False)
        settings = ReconstructionSettings(0, "A", "mode", "crop", None, batch_size, orientations="stored")
        rows = observe_shard(images, histories, autoencoder, metrics, settings, Costs(CPU), limits=limits)
        return pd.DataFrame(rows).set_index(["image_id", "metric"]), network.passed

    complete, passed = measured(3, {})
    assert passed == 16 * len(files) and complete["reason"].isna().all()
    own = [f"x/{number}" for number in (0, 3, 5)]
    largest = complete.loc[own].groupby("metric")[["first_loss", "second_loss"]].max()
    limits = {metric: Limit(largest.loc[metric, "second_loss"], 2.0) for metric in metrics}
    assert complete.loc[own, "first_loss"].max() < complete.drop(index=own, level=0)["first_loss"].min()
    for batch_size in (1, 3, 7):
        early, halves = measured(batch_size, limits)
        assert halves == 16 * len(own) + 8 * (len(files) - len(own))
        assert early["first_loss"].to_numpy() == pytest.approx(complete["first_loss"].to_numpy(), rel=1e-5)
        assert set(early.loc[early["second_loss"].isna()].index.unique(0)) == set(ids) - set(own)
        assert (early["reason"] == WITHOUT_CONTROL).equals(early["second_loss"].isna())
        ends = early.loc[own, "second_loss"].to_numpy(dtype=float)
        assert ends == pytest.approx(complete.loc[own, "second_loss"].to_numpy(), rel=1e-4)
    # One metric alone decides nothing.
    for limits_of_one in ({"refined_l2": limits["refined_l2"]}, limits | {"refined_l1": Limit(1e9, 2.0)}):
        assert measured(3, limits_of_one)[1] == passed


CPU = torch.device("cpu")
