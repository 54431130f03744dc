"""Measure one shard of a source with one autoencoder by a rival method; read an images table, write a losses table."""

from collections.abc import Mapping
from typing import Any

from aedr.jobs import job


def measure_rival(
    *,
    images: str,
    output: str,
    rival: str,
    loading: Mapping[str, Any],
    vgg_backbone: str | None,
    settings: Mapping[str, Any],
    reading: Mapping[str, Any],
    cost: Mapping[str, Any],
    needs_codebook: bool,
) -> None:
    """Write the losses of every image of the table `images` for one autoencoder and the method `rival`.

    `loading` are the arguments of `load_autoencoder`, and `settings` those of the method. `reading` are the arguments
    of `ReconstructionSettings` that losses depend on; losses do not depend on `cost` (device, batch_size). A rival that
    `needs_codebook` has no rows for an autoencoder without one.
    """
    import diffusers
    import torch

    from aedr.autoencoders.loading import load_autoencoder
    from aedr.costs import Costs, device_name
    from aedr.devices import pick_device
    from aedr.reconstruction.shards import ReconstructionSettings
    from aedr.rivals.measuring import load_rival, measure_shard
    from aedr.tables.files import read_table, write_table

    device = pick_device(cost["device"])
    costs = Costs(device)
    autoencoder = load_autoencoder(device=device, **loading)
    measure = load_rival(rival, settings, vgg_backbone, device)
    costs.begin_work()
    rows = measure_shard(
        read_table(images, "images"),
        autoencoder,
        rival,
        measure,
        ReconstructionSettings(batch_size=cost["batch_size"], **reading),
        costs,
        needs_codebook,
    )
    metadata = {
        "settings": {**loading, **settings, **reading},
        "device": device_name(device),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "cost": costs.record(sum(row["first_loss"] is not None for row in rows)),
    }
    write_table(output, "losses", rows, metadata)


if __name__ == "__main__":
    with job(snakemake):
        measure_rival(
            images=snakemake.input.images,
            output=snakemake.output[0],
            rival=snakemake.wildcards.rival,
            loading=snakemake.params.loading,
            vgg_backbone=snakemake.input.get("vgg_backbone") or None,
            settings=snakemake.params.settings,
            reading=snakemake.params.reading,
            cost=snakemake.params.cost,
            needs_codebook=snakemake.params.needs_codebook,
        )
