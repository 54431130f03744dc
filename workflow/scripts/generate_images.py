"""Generate one shard of a model's images, one per prompt; read the prompts table, write an images table."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def generate_images(
    prompts: str,
    output: str,
    folder: str,
    source: str,
    rows: Sequence[int],
    study_seed: int,
    settings: Mapping[str, Any],
    cost: Mapping[str, Any],
    components: Mapping[str, str] | None = None,
) -> None:
    """Write an image, or the reason why there is none, for each prompt at the positions [start, stop) in `rows`.

    `folder` contains the model `source`, but for the parts in the folders of `components`, by name. Its images depend
    on `settings`, but not on `cost` (device, batch_size, offload, attention_slicing).
    """
    import sys

    from aedr.costs import Costs
    from aedr.devices import pick_device
    from aedr.errors import UserError
    from aedr.images.generation import generate_pictures
    from aedr.images.pictures import describe_image, encode_png
    from aedr.images.pipelines import call_arguments, describe_run, load_pipeline
    from aedr.jobs import progress
    from aedr.seeds import seed_of
    from aedr.tables.files import read_table, write_table

    table = read_table(prompts, "prompts")
    start, stop = rows
    wanted = table.iloc[start:stop]
    if len(wanted) < stop - start:
        raise UserError(f"{prompts} holds {len(table)} prompts, fewer than {stop}. Delete it and run again.")
    device = pick_device(cost["device"])
    costs = Costs(device)
    pipeline = load_pipeline(folder, source, {**settings, **cost}, device, costs, components)
    arguments = call_arguments(pipeline, source, settings)
    costs.begin_work()
    missing = wanted[wanted["prompt"].isna()]
    wanted = wanted[wanted["prompt"].notna()]
    seeds = [seed_of(study_seed, source, prompt_id) for prompt_id in wanted["prompt_id"]]
    pictures = generate_pictures(
        pipeline,
        source,
        wanted["prompt"].tolist(),
        seeds,
        arguments,
        cost["batch_size"],
        settings["image_size"],
        costs,
    )
    images: list[dict[str, object]] = [
        {
            "image_id": f"{source}/{row.prompt_id}",
            "source": source,
            "prompt_id": row.prompt_id,
            "reason": f"no prompt: {row.image_id}: {row.reason}",
        }
        for row in missing.itertuples()
    ]
    shown = progress(pictures, len(wanted), f"images of {source}")
    for prompt_id, prompt, seed, picture in zip(wanted["prompt_id"], wanted["prompt"], seeds, shown, strict=True):
        image: dict[str, object] = {"image_id": f"{source}/{prompt_id}", "source": source}
        image |= {"prompt_id": prompt_id, "prompt": prompt, "seed": seed}
        if isinstance(picture, str):
            print(f"{image['image_id']} has no picture: {picture}", file=sys.stderr)
            image["reason"] = picture
        else:
            image |= describe_image(encode_png(picture), f"{prompt_id}.png")
        images.append(image)
    images.sort(key=lambda image: str(image["prompt_id"]))
    metadata = describe_run(pipeline, settings, device) | {"cost": costs.record(images=len(images))}
    write_table(output, "images", images, metadata)


if __name__ == "__main__":
    with job(snakemake):
        generate_images(
            prompts=snakemake.input.prompts,
            output=snakemake.output[0],
            folder=snakemake.params.folder,
            source=snakemake.wildcards.source,
            rows=snakemake.params.rows,
            study_seed=snakemake.params.study_seed,
            settings=snakemake.params.settings,
            cost=snakemake.params.cost,
            components=snakemake.params.components,
        )
