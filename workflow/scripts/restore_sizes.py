"""Resize query images to the sizes that they may have had before a resize; write another images table."""

from pathlib import Path

from aedr.jobs import job


def restore_sizes(images: str, calibration: str, families: str, output: str, max_pixels: int) -> None:
    """Write each usable image once for every likely size, out of those that own images of the asked families have.

    `families` is the file that `check_calibration` writes.
    """
    import json

    from aedr.images.pictures import decode_image, describe_image, encode_png
    from aedr.study.sources import RESTORED, restored_id
    from aedr.tables.files import read_table, write_table
    from aedr.verdicts.calibration_file import read_calibration
    from aedr.verdicts.resizes import likely_sizes, resize

    asked = json.loads(Path(families).read_text(encoding="utf-8"))
    common = {size for sizes in read_calibration(calibration).asking(asked).sizes.values() for size in sizes}
    table = read_table(images, "images")
    rows = []
    for image in table[table["reason"].isna()].itertuples():
        pixels = decode_image(image.image["bytes"])
        for width, height in likely_sizes(int(image.width), int(image.height), common):
            data = encode_png(resize(pixels, (width, height)))
            copy = {"image_id": restored_id(image.image_id, width, height), "source": RESTORED}
            rows.append(copy | describe_image(data, image.image["path"], max_pixels))
    write_table(output, "images", rows, {"settings": {"max_pixels": max_pixels}})


if __name__ == "__main__":
    with job(snakemake):
        restore_sizes(
            images=snakemake.input.images,
            calibration=snakemake.input.calibration,
            families=snakemake.input.families,
            output=snakemake.output[0],
            max_pixels=snakemake.params.limits["max_pixels"],
        )
