"""Names of the sources outside a study: the images to attribute, their parts, and copies of them at other sizes."""

import re

QUERY = "query"
RESTORED = "query-restored"
PART = re.compile(r"#xywh=\d+,\d+,\d+,\d+$")


def restored_id(image_id: str, width: int, height: int) -> str:
    """Return the id of the copy, at another size, of an image of the query."""
    return f"{RESTORED}/{width}x{height}/{image_id.removeprefix(f'{QUERY}/')}"


def original_id(image_id: str) -> str:
    """Return the id of the image of the query that a copy was made from; for any other image, its own id."""
    source, _, copy = image_id.partition("/")
    return f"{QUERY}/{copy.partition('/')[2]}" if source == RESTORED else image_id


def part_id(name: str, fragment: str) -> str:
    """Return the name of a part of an image, which its W3C media fragment names."""
    return f"{name}#{fragment}"


def whole_id(image_id: str) -> str:
    """Return the id of the image that a part was cut from; for any other image, its own id."""
    return PART.sub("", image_id)
