"""Pass one shard of an image set through an autoencoder once; read and write an images table."""

from collections.abc import Mapping
from typing import Any

from aedr.jobs import job, progress


def decode_images(
    images: str,
    output: str,
    source: str,
    loading: Mapping[str, Any],
    device: str,
) -> None:
    """Write each image of `images` as the autoencoder decodes it: 8 bits, cropped to its grid.

    The latent is the posterior's mode, so that several autoencoders given the same images show the same content.
    """
    import functools

    import torch

    from aedr.autoencoders.loading import load_autoencoder
    from aedr.costs import Costs
    from aedr.devices import pick_device
    from aedr.errors import UnusableImage
    from aedr.images.pictures import Pixels, decode_image, describe_image, encode_png
    from aedr.memory import on_cpu_if_too_large
    from aedr.reconstruction.pixels import apply_fit, fit_to_grid, to_pixels, to_tensor
    from aedr.seeds import seed_of
    from aedr.tables.files import read_table, write_table

    chosen = pick_device(device)
    costs = Costs(chosen)
    autoencoder = load_autoencoder(device=chosen, **loading)
    costs.begin_work()
    table = read_table(images, "images")

    def decode(pixels: Pixels, seed: int) -> torch.Tensor:
        with torch.inference_mode():
            return autoencoder.reconstruct(to_tensor([pixels], autoencoder.network.device), "mode", [seed])

    rows: list[dict[str, object]] = []
    for image in progress(table.itertuples(), len(table), f"decoding for {source}"):
        name = image.image_id.split("/", 1)[1]
        row: dict[str, object] = {"image_id": f"{source}/{name}", "source": source}
        try:
            if isinstance(image.reason, str):
                raise UnusableImage(image.reason)
            pixels = decode_image(image.image["bytes"])
            fit = fit_to_grid(pixels.shape[0], pixels.shape[1], autoencoder.factor, "crop", None)
            fitted = apply_fit(pixels, fit)
            # Only a decoder that draws noise uses the seed.
            work = functools.partial(decode, fitted, seed_of(row["image_id"]))
            decoded = on_cpu_if_too_large(autoencoder.network, work, name, costs)
            rows.append(row | describe_image(encode_png(to_pixels(decoded)[0]), f"{name}.png"))
        except UnusableImage as unusable:
            rows.append(row | {"reason": str(unusable)})
    cost = costs.record(images=int(table["reason"].isna().sum()))
    write_table(output, "images", rows, {"device": str(chosen), "torch": torch.__version__, "cost": cost})


if __name__ == "__main__":
    with job(snakemake):
        decode_images(
            images=snakemake.input.images,
            output=snakemake.output[0],
            source=snakemake.wildcards.source,
            loading=snakemake.params.loading,
            device=snakemake.params.device,
        )
