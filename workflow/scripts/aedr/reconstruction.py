"""Double reconstruction: every image of a shard through one autoencoder, twice, and the losses of both passes."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from PIL import Image

from aedr.autoencoders import Autoencoder
from aedr.errors import UnusableImage
from aedr.images import Pixels, decode_image
from aedr.jobs import progress
from aedr.losses import SMALLEST_SIDE_FOR_LPIPS, LossFunction
from aedr.seeds import seed_of

SMALLEST_SIDE = 16


@dataclass(frozen=True)
class ReconstructionSettings:
    """How images are read and reconstructed; `config/README.md` explains each."""

    study_seed: int
    autoencoder: str
    encoding: str
    off_grid: str
    resize_to: int | None
    batch_size: int
    max_pixels: int


@dataclass(frozen=True)
class Fit:
    """The size at which an image is reconstructed, and how it gets there: whole, cropped or resized."""

    height: int
    width: int
    how: str


def fit_to_grid(height: int, width: int, factor: int, off_grid: str, resize_to: int | None) -> Fit:
    """Return how an image comes to sides that are multiples of `factor`.

    Args:
        off_grid: "crop" cuts the right and lower rim off, so that the grid stays where it was; "resize" resamples to
            the nearest multiple (bicubic), as the authors do.
        resize_to: resample every image to a square of this side, as the authors do for Kandinsky.

    Raises:
        UnusableImage: a side is too short to be reconstructed.
    """
    if resize_to is not None:
        return Fit(resize_to, resize_to, "whole" if height == width == resize_to else "resized")
    shortest = max(factor, SMALLEST_SIDE)
    if min(height, width) < shortest:
        raise UnusableImage(f"{width}x{height} pixels are too few: a side needs {shortest}")
    if height % factor == 0 and width % factor == 0:
        return Fit(height, width, "whole")
    if off_grid == "crop":
        return Fit(height // factor * factor, width // factor * factor, "cropped")
    return Fit(round(height / factor) * factor, round(width / factor) * factor, "resized")


def apply_fit(pixels: Pixels, fit: Fit) -> Pixels:
    """Bring uint8 pixels (height, width, 3) to the size of `fit`."""
    if fit.how == "resized":
        resized = Image.fromarray(pixels).resize((fit.width, fit.height), Image.Resampling.BICUBIC)
        return np.asarray(resized)
    return pixels[: fit.height, : fit.width]


def to_tensor(pixels: Sequence[Pixels], device: torch.device) -> torch.Tensor:
    """Stack 8-bit images of one size to a float32 tensor in [-1, 1], shape (images, 3, height, width)."""
    stacked = torch.from_numpy(np.stack(pixels)).to(device)
    return stacked.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pixels(images: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Round a tensor in [-1, 1], shape (images, 3, height, width), to 8-bit images, (images, height, width, 3)."""
    levels = ((images.clamp(-1, 1) + 1) * 127.5).round().byte()
    return levels.permute(0, 2, 3, 1).cpu().numpy()


def double_losses(
    autoencoder: Autoencoder,
    images: torch.Tensor,
    functions: Mapping[str, LossFunction],
    encoding: str = "mode",
    seeds: Sequence[tuple[int, int]] = (),
) -> dict[str, list[tuple[float, float]]]:
    """Reconstruct `images` twice and return each metric's first and second loss for every image.

    Nothing is clamped or rounded between the two passes.

    Args:
        images: pixels in [-1, 1], shape (images, 3, height, width), sides on the autoencoder's grid.
        seeds: for encoding "sample", the seeds of each image's first and second reconstruction.
    """
    with torch.inference_mode():
        first = autoencoder.reconstruct(images, encoding, [seed for seed, _ in seeds])
        second = autoencoder.reconstruct(first, encoding, [seed for _, seed in seeds])
        return {
            metric: list(zip(function(first, images).tolist(), function(second, first).tolist(), strict=True))
            for metric, function in functions.items()
        }


def reconstruct_shard(
    images: pd.DataFrame,
    autoencoder: Autoencoder,
    functions: Mapping[str, LossFunction],
    settings: ReconstructionSettings,
    device: torch.device,
) -> list[dict[str, object]]:
    """Return the rows of the losses table for a shard of the images table: one for each image and metric.

    A picture that cannot be used has rows with a reason and no losses.
    """
    fits: dict[int, Fit] = {}
    reasons: dict[int, str] = {}
    losses: dict[tuple[int, str], tuple[float, float]] = {}
    for i, image in enumerate(images.itertuples()):
        try:
            if isinstance(image.reason, str):
                raise UnusableImage(image.reason)
            fits[i] = fit_to_grid(
                int(image.height), int(image.width), autoencoder.factor, settings.off_grid, settings.resize_to
            )
        except UnusableImage as unusable:
            reasons[i] = str(unusable)

    encoded = [image["bytes"] if isinstance(image, dict) else b"" for image in images["image"]]
    for batch, pixels in _decoded_batches(encoded, fits, settings):
        too_small_for_lpips = min(pixels[0].shape[:2]) < SMALLEST_SIDE_FOR_LPIPS
        possible = {m: f for m, f in functions.items() if not (m == "lpips" and too_small_for_lpips)}
        seeds = [
            tuple(seed_of(settings.study_seed, settings.autoencoder, images["image_id"].iloc[i], n) for n in (1, 2))
            for i in batch
        ]
        for metric, pairs in double_losses(
            autoencoder,
            to_tensor(pixels, device),
            possible,
            settings.encoding,
            seeds,  # type: ignore[arg-type]
        ).items():
            losses |= {(i, metric): pair for i, pair in zip(batch, pairs, strict=True)}

    def row(i: int, metric: str) -> dict[str, object]:
        fit = fits.get(i)
        first, second = losses.get((i, metric), (None, None))
        reason = reasons.get(i)
        if fit is not None and first is None:
            reason = f"lpips needs sides of {SMALLEST_SIDE_FOR_LPIPS} pixels"
        elif first is not None and not np.isfinite(losses[i, metric]).all():
            first, second, reason = None, None, "the autoencoder's output is not finite"
        return {
            "image_id": images["image_id"].iloc[i],
            "source": images["source"].iloc[i],
            "autoencoder": settings.autoencoder,
            "metric": metric,
            "first_loss": first,
            "second_loss": second,
            "height": fit and fit.height,
            "width": fit and fit.width,
            "fit": fit.how if fit else "none",
            "reason": reason,
        }

    return [row(i, metric) for i in range(len(images)) for metric in functions]


def _decoded_batches(
    encoded: Sequence[bytes], fits: Mapping[int, Fit], settings: ReconstructionSettings
) -> Iterator[tuple[list[int], list[Pixels]]]:
    """Yield batches of images of one size, largest first: whatever does not fit into memory fails at once.

    The next batch is decoded while the caller computes on the last one.
    """

    def decode(batch: list[int]) -> tuple[list[int], list[Pixels]]:
        return batch, [apply_fit(decode_image(encoded[i], settings.max_pixels), fits[i]) for i in batch]

    def size(i: int) -> tuple[int, int]:
        return fits[i].height, fits[i].width

    batches = []
    for _, alike in itertools.groupby(sorted(fits, key=lambda i: (-fits[i].height * fits[i].width, size(i), i)), size):
        members = list(alike)
        batches += [members[at : at + settings.batch_size] for at in range(0, len(members), settings.batch_size)]
    with ThreadPoolExecutor(max_workers=1) as decoder:
        waiting = [decoder.submit(decode, batch) for batch in batches[:2]]
        for at in progress(range(len(batches)), len(batches), f"reconstructing with {settings.autoencoder}"):
            done = waiting.pop(0).result()
            if at + 2 < len(batches):
                waiting.append(decoder.submit(decode, batches[at + 2]))
            yield done
