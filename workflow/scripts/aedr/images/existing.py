"""Rows of the images table for images that exist already, whatever they are read from."""

from collections.abc import Iterable, Iterator
from typing import Any

from aedr.errors import TransparentImage, UnusableImage
from aedr.images.cropping import middle_of
from aedr.images.jpegs import with_end
from aedr.images.kinds import kind_of
from aedr.images.pictures import Pixels, decode_image, describe_image, encode_png
from aedr.images.plugins import decode_by_plugin
from aedr.images.regions import Region, find_parts, opaque_part
from aedr.jobs import warn
from aedr.study.sources import part_id


def describe_existing(
    images: Iterable[tuple[str, bytes | UnusableImage]],
    source: str,
    max_pixels: int,
    crop_to: int | None,
    with_parts: bool = False,
) -> list[dict[str, Any]]:
    """Return a row for each image: its bytes, or the reason why it is not used, which is also a warning.

    The bytes are the original ones, or those of the middle of an image with a side of more than `crop_to` pixels, or of
    what a plugin decoded; the hash is always that of the whole file.

    Args:
        images: the name of each image in its source, with its bytes or why there are none.
        with_parts: after each image's row, give a row to each picture that is found in it.
    """
    rows = []
    cut = 0
    for name, data in images:
        row: dict[str, Any] = {"image_id": f"{source}/{name}", "source": source}
        if isinstance(data, UnusableImage):
            rows.append(row | {"reason": str(data)})
            continue
        row |= _describe(data, name, max_pixels)
        if crop_to and row["reason"] is None and (middle := middle_of(row["image"]["bytes"], crop_to)):
            row |= describe_image(middle, name) | {"sha256": row["sha256"]}
            cut += 1
        rows.append(row)
        if with_parts:
            for region, pixels in _parts(row, data, max_pixels):
                part = {"image_id": part_id(row["image_id"], region.fragment), "source": source}
                rows.append(part | describe_image(encode_png(pixels), part_id(name, region.fragment)))
    for row in rows:
        if row["reason"] is not None:
            warn(f"{row['image_id']} is not used: {row['reason']}")
    if cut:
        warn(
            f"{source}: of {cut} of {len(rows)} images only the middle is used, since they are larger than crop_to "
            f"({crop_to})"
        )
    return rows


def _describe(data: bytes, name: str, max_pixels: int) -> dict[str, Any]:
    """Return the columns of a file, mended or decoded by a plugin if Pillow alone cannot decode it."""
    row = describe_image(data, name, max_pixels)
    if row["reason"] is None:
        return row
    if (ended := with_end(data, max_pixels)) is not None:
        return describe_image(ended, name) | {"sha256": row["sha256"]}
    if (kind := kind_of(data)) is None:
        return row
    try:
        decoded = decode_by_plugin(data, max_pixels)
    except UnusableImage as unusable:
        return row | {"reason": str(unusable)}
    if decoded is None:
        return row | {"reason": kind}
    format, png = decoded
    described = describe_image(png, name, max_pixels)
    return described | {"sha256": row["sha256"], "format": described["format"] and format}


def _parts(row: dict[str, Any], data: bytes, max_pixels: int) -> Iterator[tuple[Region, Pixels]]:
    """Yield the pictures in a picture; of one with transparent edges, what is opaque, and then its row says so."""
    if row["reason"] is None:
        pixels = decode_image(row["image"]["bytes"])
        yield from ((region, region.of(pixels)) for region in find_parts(pixels))
        return
    try:
        decode_image(data, max_pixels)
    except TransparentImage:
        if (found := opaque_part(data)) is not None:
            row["reason"] = "transparent pixels: its largest opaque rectangle is asked about by itself"
            yield found
    except UnusableImage:
        pass
