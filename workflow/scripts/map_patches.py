"""Map the loss ratio over patches of every query image, for one autoencoder; write figures of each image."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job

FORMATS = ("png", "svg", "pdf")


def map_patches(
    *,
    images: Sequence[str],
    output: str,
    autoencoder: str,
    loading: Mapping[str, Any],
    metric: str,
    patch: int,
    device: str,
) -> None:
    """Write to the folder `output` a figure of each usable image next to the ratios of its patches.

    `loading` are the arguments of `load_autoencoder`. `patch` is a patch's side in latents; patches overlap by half.
    """
    from pathlib import Path

    from aedr.autoencoders.loading import load_autoencoder
    from aedr.devices import pick_device
    from aedr.errors import UnusableImage
    from aedr.figures.patch_map import draw_patch_map
    from aedr.images.pictures import decode_image
    from aedr.jobs import progress
    from aedr.reconstruction.patch_map import ratio_map
    from aedr.tables.files import read_tables

    network = load_autoencoder(device=pick_device(device), **loading)
    Path(output).mkdir(parents=True)
    pictures = read_tables(images, "images")
    usable = pictures[pictures["reason"].isna()]
    side = patch * network.factor
    for number, image in enumerate(progress(usable.itertuples(), len(usable), f"mapping with {autoencoder}")):
        pixels = decode_image(image.image["bytes"])
        try:
            ratios = ratio_map(network, pixels, metric, side, side // 2)
        except UnusableImage as unusable:
            print(f"{image.image_id} is not mapped: {unusable}")
            continue
        # A name may fill a file's name, and this one is longer.
        name = f"{number:05d}_{Path(image.image['path']).stem[:60]}"
        outputs = [f"{output}/{name}.{suffix}" for suffix in FORMATS]
        draw_patch_map(pixels, ratios, image.image["path"], metric, autoencoder, outputs)


if __name__ == "__main__":
    with job(snakemake):
        map_patches(
            images=snakemake.input.images,
            output=snakemake.output[0],
            autoencoder=snakemake.wildcards.autoencoder,
            loading=snakemake.params.loading,
            **snakemake.params.settings,
        )
