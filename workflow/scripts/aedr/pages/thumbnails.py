"""Small copies of images for pages: only those that are shown, read from one shard at a time."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from aedr.images.pictures import Pixels, decode_image
from aedr.pages.page import data_address
from aedr.tables.files import read_table

SIDE = 176


@dataclass(frozen=True)
class Thumbnail:
    """An image as a page shows it; if it has no picture, `address` is None and `reason` says why."""

    image_id: str
    address: str | None
    width: int | None
    height: int | None
    is_enlarged: bool
    prompt: str | None
    reason: str | None


def shrink(pixels: Pixels, side: int = SIDE) -> str:
    """Return RGB pixels (uint8, height x width x 3) as a data URL, shrunk to sides of at most `side` pixels.

    Pictures of up to half that size are kept pixel by pixel, because pixels are what the method measures.
    """
    picture = Image.fromarray(pixels)
    is_kept = max(picture.size) <= side / 2
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=is_kept, quality=80)
    return data_address(buffer.getvalue(), "webp")


def sample_ids(path: str | Path, at_most: int) -> list[str]:
    """Return ids of images spread evenly over one images table."""
    ids = pq.read_table(path, columns=["image_id"])["image_id"].to_pylist()
    return [ids[i] for i in np.linspace(0, len(ids) - 1, min(len(ids), at_most)).round().astype(int)]


def read_thumbnails(paths: Sequence[str | Path], wanted: Iterable[str]) -> dict[str, Thumbnail]:
    """Return the thumbnails of the images with the ids `wanted`; the images tables are loaded one at a time."""
    wanted = set(wanted)
    found: dict[str, Thumbnail] = {}
    for path in paths:
        if wanted.isdisjoint(pq.read_table(path, columns=["image_id"])["image_id"].to_pylist()):
            continue
        found |= thumbnails_of(read_table(path, "images", image_id=wanted))
    return found


def thumbnails_of(images: pd.DataFrame, side: int = SIDE) -> dict[str, Thumbnail]:
    """Return the thumbnails of the rows of an images table by their ids, with sides of at most `side` pixels."""
    found: dict[str, Thumbnail] = {}
    for row in images.itertuples():
        pixels = decode_image(row.image["bytes"]) if row.image is not None else None
        found[row.image_id] = Thumbnail(
            image_id=row.image_id,
            address=None if pixels is None else shrink(pixels, side),
            width=None if pixels is None else pixels.shape[1],
            height=None if pixels is None else pixels.shape[0],
            is_enlarged=pixels is not None and max(pixels.shape) <= side / 2,
            prompt=None if pd.isna(row.prompt) else row.prompt,
            reason=None if pd.isna(row.reason) else row.reason,
        )
    return found
