"""Names of the sources outside a study: the images to attribute, and copies of them at other sizes."""

QUERY = "query"
RESTORED = "query-restored"


def restored_id(image_id: str, width: int, height: int) -> str:
    """Return the id of the copy, at another size, of an image of the query."""
    return f"{RESTORED}/{width}x{height}/{image_id.removeprefix(f'{QUERY}/')}"


def original_id(image_id: str) -> str:
    """Return the id of the image of the query that a copy was made from; for any other image, its own id."""
    source, _, copy = image_id.partition("/")
    return f"{QUERY}/{copy.partition('/')[2]}" if source == RESTORED else image_id
