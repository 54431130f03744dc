# What a source's images are made from.

import functools
import hashlib
import os


def generation_settings(wildcards):
    """Return what a model's images depend on, besides its weights and the prompts."""
    model = MODELS[wildcards.source]
    pipeline = ["pipeline", "variant", "trusted_pickle", "precision"]
    call = ["image_size", "steps", "guidance", "negative_prompt", "arguments"]
    parts = ["components"] if model["components"] else []
    return {key: model.get(key) for key in pipeline + call + parts}


def generation_cost(wildcards, resources):
    """Return what changes the time and the memory that images take, but not the images.

    Snakemake does not rerun a job when a parameter that is a function of `resources` changes.
    """
    model = MODELS[wildcards.source]
    keys = ["batch_size", "attention_slicing", "offload"]
    return {"device": config["device"], **{key: model[key] for key in keys}}


def imported_folder(source):
    """Return the folder of an image set, of a model whose images exist, or of the query."""
    _, folder = plan.imported_folder(config, source)
    return folder


@functools.cache
def listed_images(source):
    """Return the names of a source's images; its folder or data set is listed once, not for every shard."""
    return plan.list_source(config, source, COUNTS[source])


def imported_names(wildcards):
    """Return the names of a shard's images."""
    start, stop = shard_range(wildcards.source, wildcards.shard)
    return listed_images(wildcards.source)[start:stop]


def imported_state(wildcards):
    """Return a digest of the sizes and times of a shard's image files.

    They are not input files, because Snakemake reads braces in a file's name as wildcards.
    """
    return digest_states(imported_folder(wildcards.source), imported_names(wildcards))


def dataset_state(wildcards):
    """Return a digest of the sizes and times of the Parquet files that hold a shard's images."""
    files = dict.fromkeys(split_row(name)[0] for name in imported_names(wildcards))
    return digest_states(plan.dataset_of(config, wildcards.source)["folder"], files)


def digest_states(folder, names):
    """Return a digest of the sizes and times of files."""
    states = [os.stat(os.path.join(folder, name)) for name in names]
    return hashlib.sha256(repr([(state.st_size, state.st_mtime_ns) for state in states]).encode()).hexdigest()


def image_limits(wildcards, resources):
    """Return the most that an image may have. As a function of `resources`, it does not make Snakemake rerun a job.

    When a limit changes, imported images stay as they are; otherwise the whole study would run again.
    `say_changed_limits` reports where that matters.
    """
    return {"max_pixels": config["max_pixels"], "max_bytes": config["max_bytes"]}


def limited_tables():
    """Return the tables whose images were checked against the limits."""
    existing = [name for name, entry in MODELS.items() if entry["folder"] or entry["dataset"]]
    imported = [*config["image_sets"], *existing]
    damaged = [f"{source}.{transform}" for source in SOURCES for transform in TRANSFORMS]
    checked = [source for source in [*imported, *damaged, *QUERIES] if source in COUNTS]
    return [table for source in checked for table in tables_of("images", source)]


def say_changed_limits():
    """Warn about existing tables in which a limit would now accept or refuse other images."""
    for line in changed_limits(limited_tables(), {key: config[key] for key in ("max_pixels", "max_bytes")}):
        logger.warning(line)


def crop_to(wildcards):
    """Return the longest side that is used of an image set's images; None for images of models and of the query."""
    return config["image_sets"].get(wildcards.source, {}).get("crop_to")


def refined_images(wildcards):
    """Return how many images of a shard are measured as they were observed: all of the query, the first of a source."""
    at_most = config["reconstruction"]["refined_images"]
    if at_most is None or wildcards.source.partition(".")[0] in QUERIES:
        return None
    start, stop = shard_range(wildcards.source, wildcards.shard)
    return None if stop <= at_most else max(at_most - start, 0)
