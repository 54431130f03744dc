"""Read what the files of one shard of the query claim of their origin; read an images table, write a claims table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aedr.jobs import job, progress

if TYPE_CHECKING:
    from aedr.claims.isolation import Apart

# Of one file, which takes a fraction of a second; but a decoder of watermarks imports torch first.
SECONDS = 120


def read_claims(images: str, output: str, folder: str, max_pixels: int, max_bytes: int) -> None:
    """Write the claims of each image in the table `images`, also of those that cannot be attributed.

    Args:
        folder: where the files of unusable images are; the table holds the bytes of the others.
    """
    from importlib.metadata import version

    from aedr.claims import reading
    from aedr.claims.isolation import Apart
    from aedr.claims.words import claims_in_words
    from aedr.study.sources import whole_id
    from aedr.tables.files import read_table, write_table

    table = read_table(images, "images")
    rows: list[dict[str, Any]] = []
    # A part follows the image that it was cut from, and has no file of its own.
    of_whole: dict[str, Any] = {}
    with Apart(reading.read_claims, SECONDS, max_pixels=max_pixels) as read_apart:
        for image in progress(table.itertuples(), len(table), "reading claims"):
            if whole_id(image.image_id) == image.image_id:
                row = _read(image, read_apart, folder, max_bytes)
                size = {"width": image.width, "height": image.height} if image.image is not None else {}
                of_whole = row | {"claims_in_words": claims_in_words(row | size)}
            rows.append({"image_id": image.image_id, "source": image.source} | of_whole)
    versions = {package: version(package) for package in ("c2pa-python", "pillow", "sd-parsers")}
    write_table(output, "claims", rows, versions)


def _read(image: Any, read_apart: "Apart", folder: str, max_bytes: int) -> dict[str, Any]:
    import hashlib

    from aedr.claims.claims import UnreadableClaim
    from aedr.errors import UnusableImage
    from aedr.images.pictures import read_image_file
    from aedr.images.plugins import PLUGINS

    try:
        # What a plugin decoded is in the table without what its file says.
        if image.image is not None and image.format not in PLUGINS:
            return read_apart(image.image["bytes"])
        data = read_image_file(Path(folder) / image.image_id.partition("/")[2], max_bytes)
        # Files that were too large have none.
        if image.sha256 is not None and hashlib.sha256(data).hexdigest() != image.sha256:
            raise UnreadableClaim("the file has changed since it was imported")
        return read_apart(data)
    except (UnreadableClaim, UnusableImage) as error:
        return {"reason": f"claims could not be read: {error}"}
    except OSError as error:
        return {"reason": f"claims could not be read: {error.strerror}"}


if __name__ == "__main__":
    with job(snakemake):
        read_claims(snakemake.input[0], snakemake.output[0], folder=snakemake.params.folder, **snakemake.params.limits)
