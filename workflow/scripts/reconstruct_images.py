"""Reconstruct one shard of a source twice with one autoencoder; read an images table, write a losses table."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job, pick_device


def reconstruct_images(
    images: str,
    output: str,
    folder: str,
    trusted_pickle: bool,
    metrics: Sequence[str],
    lpips_backbone: str | None,
    batch_size: int,
    device: str,
    settings: Mapping[str, Any],
) -> None:
    """Write the losses of every image of the table `images` under the autoencoder in `folder`."""
    import json

    import diffusers
    import torch

    from aedr.autoencoders import load_autoencoder
    from aedr.losses import loss_functions
    from aedr.reconstruction import ReconstructionSettings, reconstruct_shard
    from aedr.tables import read_table, write_table

    chosen = pick_device(device)
    how = dict(settings)
    autoencoder = load_autoencoder(folder, how.pop("precision"), chosen, how.pop("quantise"), trusted_pickle)
    rows = reconstruct_shard(
        read_table(images, "images"),
        autoencoder,
        loss_functions(metrics, lpips_backbone, chosen),
        ReconstructionSettings(batch_size=batch_size, **how),
        chosen,
    )
    metadata = {
        "settings": json.dumps(settings, sort_keys=True),
        "device": torch.cuda.get_device_name() if chosen.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
    }
    write_table(output, "losses", rows, metadata)


if __name__ == "__main__":
    with job(snakemake):
        reconstruct_images(
            snakemake.input.images,
            snakemake.output[0],
            snakemake.params.folder,
            snakemake.params.trusted_pickle,
            snakemake.params.metrics,
            snakemake.input.get("lpips_backbone") or None,
            snakemake.params.batch_size,
            snakemake.params.device,
            snakemake.params.settings,
        )
