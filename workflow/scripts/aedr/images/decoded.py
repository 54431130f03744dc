"""Whether a generated picture is what the pipeline's own autoencoder put out, which the whole method rests on."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image

from aedr.errors import UserError
from aedr.images.pictures import OPAQUE, Pixels

# Rounding may carry a value over to the next level.
ROUNDING = 1

Levels = npt.NDArray[np.float32]


def autoencoders_of(pipeline: Any) -> list[Any]:
    """Return the parts of a pipeline that encode and decode images; empty for one that works on pixels."""
    networks = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    return [part for part in dict.fromkeys(networks) if hasattr(part, "encode") and hasattr(part, "decode")]


@contextmanager
def watched_decoders(pipeline: Any) -> Iterator[list[torch.Tensor]]:
    """Collect in a list, image by image, what the pipeline's autoencoders decode: channels x height x width."""
    decoded: list[torch.Tensor] = []

    def watch(decode: Any) -> Any:
        def watching(*arguments: Any, **options: Any) -> Any:
            output = decode(*arguments, **options)
            images = output[0].detach()
            # Pipelines take the first frame of an autoencoder with a time axis.
            decoded.extend((images[:, :, 0] if images.ndim == 5 else images).cpu())
            return output

        return watching

    with ExitStack() as restoring:
        for autoencoder in autoencoders_of(pipeline):
            autoencoder.decode = watch(autoencoder.decode)
            restoring.callback(delattr, autoencoder, "decode")
        yield decoded


def without_opacity(picture: Image) -> Pixels | str:
    """Return the pixels of a PIL image without its opacity, or why they are not what is seen."""
    if "A" in picture.getbands() and (least := int(np.asarray(picture.getchannel("A")).min())) < OPAQUE:
        return f"transparent picture: opacity down to {least} of 255"
    return np.asarray(picture.convert("RGB"))


def check_decoded(pipeline: Any, model: str, pictures: Sequence[Any], decoded: Sequence[torch.Tensor]) -> None:
    """Compare pictures (uint8, height x width x 3; others are skipped) with what was decoded for them, in order.

    Raises:
        UserError: a picture differs by more than one level of 256; with the cause, as far as it is known.
    """
    # What was decoded before the last of them belongs to earlier stages.
    last = [*[None] * len(pictures), *decoded][-len(pictures) :]
    for picture, image in zip(pictures, last, strict=True):
        if isinstance(picture, np.ndarray) and (cause := _difference(picture, image)):
            raise UserError(
                f"models.{model}: {type(pipeline).__name__} made a picture that is not what its autoencoder put out: "
                f"{cause}{_suspects(pipeline)}. Only pictures as they were decoded are the model's own: switch that "
                "off (`arguments`), or give pictures that were made elsewhere as `folder`."
            )


def _difference(picture: Pixels, image: torch.Tensor | None) -> str | None:
    """Return how a picture differs from what was decoded for it; None if it does not."""
    if image is None:
        return "it was not decoded by it"
    height, width = image.shape[-2:]
    if (height, width) != picture.shape[:2]:
        return (
            f"it was resized or cropped after decoding, from {width}x{height} to {picture.shape[1]}x{picture.shape[0]} "
            "pixels"
        )
    # Most decoders put out values in [-1, 1], as their pipelines know; some in [0, 1].
    wrong = min((np.abs(levels - picture) for levels in (_levels(image / 2 + 0.5), _levels(image))), key=np.mean)
    if wrong.max() <= ROUNDING:
        return None
    sharpness = _sharpness(picture) / max(_sharpness(_levels(image / 2 + 0.5)), 1e-9)
    how = "blurred" if sharpness < 0.8 else "watermarked or changed in another way"
    share = (wrong > ROUNDING).any(-1).mean()
    return f"{share:.0%} of its pixels differ, by up to {wrong.max():.0f} of 256 levels, as if {how} after decoding"


def _levels(image: torch.Tensor) -> Levels:
    """Return values in [0, 1] as rounded levels, height x width x 3, as diffusers does."""
    levels = (image.clamp(0, 1).float() * 255).round().nan_to_num().numpy()
    return np.moveaxis(np.broadcast_to(levels, (3, *levels.shape[1:])) if len(levels) == 1 else levels[:3], 0, -1)


def _sharpness(pixels: Any) -> float:
    return float(np.abs(np.diff(pixels.astype(np.float32), axis=0)).mean())


def _suspects(pipeline: Any) -> str:
    names = ("watermark", "watermarker", "safety_checker", "guardrail")
    found = [name for name in names if getattr(pipeline, name, None) is not None]
    return f" (the pipeline has a {' and a '.join(found)})" if found else ""
