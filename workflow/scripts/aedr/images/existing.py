"""Rows of the images table for images that exist already, whatever they are read from."""

from collections.abc import Iterable
from typing import Any

from aedr.errors import UnusableImage
from aedr.images.cropping import middle_of
from aedr.images.pictures import describe_image
from aedr.jobs import warn


def describe_existing(
    images: Iterable[tuple[str, bytes | UnusableImage]], source: str, max_pixels: int, crop_to: int | None
) -> list[dict[str, Any]]:
    """Return a row for each image: its bytes, or the reason why it is not used, which is also a warning.

    The bytes are the original ones, or those of the middle of an image with a side of more than `crop_to` pixels; the
    hash is always that of the whole image.

    Args:
        images: the name of each image in its source, with its bytes or why there are none.
    """
    rows = []
    cut = 0
    for name, data in images:
        row: dict[str, Any] = {"image_id": f"{source}/{name}", "source": source}
        if isinstance(data, UnusableImage):
            row["reason"] = str(data)
        else:
            row |= describe_image(data, name, max_pixels)
            if crop_to and row["reason"] is None and (middle := middle_of(data, crop_to)):
                row |= describe_image(middle, name) | {"sha256": row["sha256"]}
                cut += 1
        rows.append(row)
    for row in rows:
        if row["reason"] is not None:
            warn(f"{row['image_id']} is not used: {row['reason']}")
    if cut:
        warn(
            f"{source}: of {cut} of {len(rows)} images only the middle is used, since they are larger than crop_to "
            f"({crop_to})"
        )
    return rows
