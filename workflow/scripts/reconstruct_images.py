"""Reconstruct one shard of a source twice with one autoencoder; read an images table, write a losses table."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def reconstruct_images(
    images: str,
    histories: str,
    output: str,
    loading: Mapping[str, Any],
    metrics: Sequence[str],
    lpips_backbone: str | None,
    settings: Mapping[str, Any],
    damage: Sequence[Mapping[str, Any]],
    cost: Mapping[str, Any],
    measures: str | None = None,
) -> None:
    """Write the losses of every image of the table `images`, with the history in `histories`, for one autoencoder.

    `loading` are the arguments of `load_autoencoder`. `settings` are the arguments of `ReconstructionSettings` that
    losses depend on; losses do not depend on `cost` (device, batch_size). `damage` are the steps of the transform that
    the images went through, if they keep the size. `measures`, for images of the query, is the file that
    `check_calibration` writes: what it does not need is not measured.
    """
    import json
    from pathlib import Path

    from aedr.tables.files import read_table, write_table

    table = read_table(images, "images")
    recorded = {"settings": {**loading, **settings, "damage": list(damage)}}
    if table.empty:
        # Of most queries, no image is tried at another size, and all that is loaded below takes seconds.
        write_table(output, "losses", [], recorded)
        return
    import diffusers
    import torch

    from aedr.autoencoders.loading import load_autoencoder
    from aedr.costs import Costs, device_name
    from aedr.devices import pick_device
    from aedr.images.pictures import encode_png
    from aedr.observations.observing import repeated
    from aedr.reconstruction.limits import Limit
    from aedr.reconstruction.losses import loss_functions
    from aedr.reconstruction.observed_shards import observe_shard
    from aedr.reconstruction.shards import ReconstructionSettings, found_offsets, reconstruct_shard
    from aedr.robustness.transforms import transform_image
    from aedr.study.metrics import OBSERVED

    limits: dict[str, Limit] = {}
    if measures is not None:
        needed = json.loads(Path(measures).read_text(encoding="utf-8"))
        metrics = [metric for metric in metrics if metric in needed["metrics"]]
        limits = {name: Limit(**limit) for name, limit in needed["limits"][settings["autoencoder"]].items()}
    device = pick_device(cost["device"])
    costs = Costs(device)
    autoencoder = load_autoencoder(device=device, **loading)
    observed = [metric for metric in metrics if metric in OBSERVED]
    functions = loss_functions([metric for metric in metrics if metric not in OBSERVED], lpips_backbone, device)
    costs.begin_work()
    again = repeated(lambda pixels: transform_image(encode_png(pixels), damage, seed=0)) if damage else None
    reconstruction = ReconstructionSettings(batch_size=cost["batch_size"], damage=again, **settings)
    rows = reconstruct_shard(table, autoencoder, functions, reconstruction, device, costs) if functions else []
    if observed:
        read, offsets = read_table(histories, "histories"), found_offsets(rows)
        rows += observe_shard(table, read, autoencoder, observed, reconstruction, costs, offsets, limits)
    metadata = recorded | {
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
            histories=snakemake.input.histories,
            output=snakemake.output[0],
            loading=snakemake.params.loading,
            metrics=snakemake.params.metrics,
            lpips_backbone=snakemake.input.get("lpips_backbone") or None,
            settings=snakemake.params.settings,
            damage=snakemake.params.damage,
            cost=snakemake.params.cost,
            measures=snakemake.input.get("measures") or None,
        )
