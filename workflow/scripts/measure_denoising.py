"""Ask one model's denoiser about noised latents of one shard of a source; read images, write errors of the noise."""

from collections.abc import Mapping
from typing import Any

from aedr.jobs import job

WHOLE = {"offset_rows": int, "offset_columns": int}


def measure_denoising(
    images: str,
    histories: str,
    losses: str,
    asked: str | None,
    output: str,
    model: str,
    family: str,
    folder: str,
    components: Mapping[str, str],
    loading: Mapping[str, Any],
    model_settings: Mapping[str, Any],
    settings: Mapping[str, Any],
    off_grid: str,
    cost: Mapping[str, Any],
) -> None:
    """Write the errors of every image of the table `images` for one model's denoiser.

    `losses` are those of the same images under the model's `family`, and say where the grid was found and how an image
    was turned. With `asked`, which `decide_families` writes, only the images that it names for this family have rows.
    `loading` are the arguments of `load_autoencoder`, `model_settings` those of `load_pipeline`, with `guidance` and
    `arguments` of its call, and `settings` those of `DenoisingSettings`. Errors do not depend on `cost` (device,
    batch_size, offload, attention_slicing).
    """
    import json
    from pathlib import Path

    import diffusers
    import torch
    import transformers

    from aedr.autoencoders.loading import load_autoencoder
    from aedr.costs import Costs, device_name
    from aedr.denoisers.measuring import Denoiser, DenoisingSettings, measure_shard
    from aedr.devices import pick_device
    from aedr.images.pipelines import load_pipeline
    from aedr.reconstruction.shards import ReconstructionSettings, found_offsets
    from aedr.tables.files import read_table, write_table
    from aedr.weights.digests import digest_denoiser

    device = pick_device(cost["device"])
    costs = Costs(device)
    table = read_table(images, "images")
    reconstructed = read_table(losses, "losses")
    if asked is not None:
        table = table[table["image_id"].isin(json.loads(Path(asked).read_text(encoding="utf-8"))[family])]
    rows: list[dict[str, object]] = []
    if len(table):
        autoencoder = load_autoencoder(device=device, **loading)
        pipeline = load_pipeline(folder, model, {**model_settings, **cost}, device, costs, components)
        denoiser = Denoiser(pipeline, model, model_settings, costs)
        costs.begin_work()
        turned = reconstructed.dropna(subset=["orientation"])
        rows = measure_shard(
            table,
            read_table(histories, "histories"),
            autoencoder,
            denoiser,
            DenoisingSettings(**settings),
            ReconstructionSettings(0, family, "mode", off_grid, None, cost["batch_size"]),
            found_offsets(reconstructed.dropna(subset=["offset_rows"]).astype(WHOLE).to_dict("records")),
            dict(zip(turned["image_id"], turned["orientation"].astype(int), strict=True)),
        )
    metadata = {
        "settings": {**model_settings, **settings},
        "denoiser_sha256": digest_denoiser(folder, components, model),
        "device": device_name(device),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "cost": costs.record(images=len({row["image_id"] for row in rows if "error" in row})),
    }
    write_table(output, "denoising", rows, metadata)


if __name__ == "__main__":
    with job(snakemake):
        measure_denoising(
            images=snakemake.input.images,
            histories=snakemake.input.histories,
            losses=snakemake.input.losses,
            asked=snakemake.input.get("asked") or None,
            output=snakemake.output[0],
            model=snakemake.wildcards.model,
            family=snakemake.params.family,
            folder=snakemake.params.folder,
            components=snakemake.params.components,
            loading=snakemake.params.loading,
            model_settings=snakemake.params.model_settings,
            settings=snakemake.params.settings,
            off_grid=snakemake.params.off_grid,
            cost=snakemake.params.cost,
        )
