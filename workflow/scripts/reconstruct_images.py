"""Reconstruct one shard of a source twice with one autoencoder; read an images table, write a losses table."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def reconstruct_images(
    images: str,
    output: str,
    loading: Mapping[str, Any],
    metrics: Sequence[str],
    lpips_backbone: str | None,
    settings: Mapping[str, Any],
    cost: Mapping[str, Any],
) -> None:
    """Write the losses of every image of the table `images` for one autoencoder.

    `loading` are the arguments of `load_autoencoder`. `settings` are the arguments of `ReconstructionSettings` that
    losses depend on; losses do not depend on `cost` (device, batch_size).
    """
    import diffusers
    import torch

    from aedr.autoencoders.loading import load_autoencoder
    from aedr.costs import Costs, device_name
    from aedr.devices import pick_device
    from aedr.reconstruction.losses import loss_functions
    from aedr.reconstruction.shards import ReconstructionSettings, reconstruct_shard
    from aedr.tables.files import read_table, write_table

    device = pick_device(cost["device"])
    costs = Costs(device)
    autoencoder = load_autoencoder(device=device, **loading)
    functions = loss_functions(metrics, lpips_backbone, device)
    costs.begin_work()
    table = read_table(images, "images")
    reconstruction = ReconstructionSettings(batch_size=cost["batch_size"], **settings)
    rows = reconstruct_shard(table, autoencoder, functions, reconstruction, device, costs)
    metadata = {
        "settings": {**loading, **settings},
        "device": device_name(device),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "cost": costs.record(images=int(table["reason"].isna().sum())),
    }
    write_table(output, "losses", rows, metadata)


if __name__ == "__main__":
    with job(snakemake):
        reconstruct_images(
            images=snakemake.input.images,
            output=snakemake.output[0],
            loading=snakemake.params.loading,
            metrics=snakemake.params.metrics,
            lpips_backbone=snakemake.input.get("lpips_backbone") or None,
            settings=snakemake.params.settings,
            cost=snakemake.params.cost,
        )
