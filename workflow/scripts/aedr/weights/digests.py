"""Digests of the weights of a model's denoiser, by which a calibration knows it again."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from aedr.errors import UserError
from aedr.weights.repair import how_to_repair

# What diffusers' pipelines call their denoisers.
DENOISERS = ("transformer*", "unet*")
WEIGHTS = ("*.safetensors", "*.bin")


def digest_denoiser(folder: str, components: Mapping[str, str], model: str) -> str:
    """Return the SHA-256 of the weights' files of a model's denoisers, by their components and names.

    Args:
        folder: the model's, in diffusers' layout.
        components: folders of parts that lie elsewhere, by name.
        model: its id, for messages.

    Raises:
        UserError: there are none.
    """
    digest = hashlib.sha256()
    files = sorted(_files(Path(folder), components))
    if not files:
        raise UserError(
            f"models.{model}: {folder} has no weights of a denoiser, which were expected in {' or '.join(DENOISERS)}. "
            f"{how_to_repair(folder)}"
        )
    for name, file in files:
        digest.update(name.encode() + b"\0")
        with open(file, "rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _files(folder: Path, components: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    parts = {part.name: part for pattern in DENOISERS for part in folder.glob(pattern) if part.is_dir()}
    parts |= {
        name: Path(place)
        for name, place in components.items()
        if any(Path(name).match(pattern) for pattern in DENOISERS)
    }
    for name, part in parts.items():
        for pattern in WEIGHTS:
            yield from ((f"{name}/{file.name}", file) for file in part.glob(pattern))
