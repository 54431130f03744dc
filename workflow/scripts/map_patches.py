"""Map the loss ratio over patches of every image of the query, under one autoencoder; write a picture for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def map_patches(
    images: Sequence[str],
    output: str,
    autoencoder: str,
    loading: Mapping[str, Any],
    metric: str,
    patch: int,
    device: str,
    max_pixels: int,
) -> None:
    """Write to the folder `output`, for each usable image, the image beside the ratio of its patches.

    `loading` are the arguments of `load_autoencoder`; `patch` is a patch's side in latents, of which half overlaps. The
    colours span the image's own ratios: normalisation inside an autoencoder carries a pasted part's disturbance to the
    rest, so that only the differences within an image mean something.
    """
    from pathlib import Path

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.colors import LogNorm

    from aedr.autoencoders.loading import load_autoencoder
    from aedr.devices import pick_device
    from aedr.errors import UnusableImage
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
        pixels = decode_image(image.image["bytes"], max_pixels)
        try:
            ratios = ratio_map(network, pixels, metric, side, side // 2)
        except UnusableImage as unusable:
            print(f"{image.image_id} is not mapped: {unusable}")
            continue
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
        left.imshow(pixels, interpolation="nearest")
        shown = right.imshow(np.ma.masked_invalid(ratios), cmap="cividis", norm=LogNorm(), interpolation="nearest")
        for axes in (left, right):
            axes.set(xticks=[], yticks=[])
        left.set_title(image.image["path"], fontsize=8, parse_math=False)
        right.set_title(
            f"{metric.replace('_', ' ')} loss ratio under {autoencoder}\nlow: more like decoded by it", fontsize=8
        )
        figure.colorbar(shown, ax=right)
        # A name may fill a file's name, and this one is longer.
        figure.savefig(Path(output) / f"{number:05d}_{Path(image.image['path']).stem[:60]}.png", dpi=130)
        plt.close(figure)


if __name__ == "__main__":
    with job(snakemake):
        map_patches(
            snakemake.input.images,
            snakemake.output[0],
            snakemake.wildcards.autoencoder,
            snakemake.params.loading,
            **snakemake.params.settings,
        )
