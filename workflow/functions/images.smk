# What a source's images are made from.

import functools
import hashlib
import os


def generation_settings(wildcards):
    """Return what a model's images depend on, besides its weights and the prompts."""
    model = MODELS[wildcards.source]
    pipeline = ["pipeline", "variant", "trusted_pickle", "precision"]
    call = ["image_size", "steps", "guidance", "negative_prompt", "arguments"]
    return {key: model.get(key) for key in pipeline + call}


def generation_cost(wildcards, resources):
    """Return what changes the time and the memory that images take, but not the images.

    A parameter whose function takes `resources` is no reason for Snakemake to run a job again.
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
    """Return the names of a source's image files; the folder is listed once and not for every shard."""
    return plan.list_source(config, source, COUNTS[source])


def imported_names(wildcards):
    """Return the names of a shard's image files."""
    start, stop = shard_range(wildcards.source, wildcards.shard)
    return listed_images(wildcards.source)[start:stop]


def imported_state(wildcards):
    """Return a digest of sizes and times of a shard's image files.

    They are no input files, since Snakemake takes braces in a file's name for wildcards.
    """
    folder = imported_folder(wildcards.source)
    states = [os.stat(os.path.join(folder, name)) for name in imported_names(wildcards)]
    return hashlib.sha256(repr([(state.st_size, state.st_mtime_ns) for state in states]).encode()).hexdigest()


def image_limits(wildcards, resources):
    """Return what a picture may have at most; a function of `resources` is no reason to run a job again.

    When a limit changes, what was imported stays as it is: a study would be made again as a whole. `say_changed_limits`
    tells where that matters.
    """
    return {"max_pixels": config["max_pixels"], "max_bytes": config["max_bytes"]}


def limited_tables():
    """Return the tables of images whose pictures were held against the limits."""
    imported = [*config["image_sets"], *(name for name, entry in MODELS.items() if entry["folder"])]
    damaged = [f"{source}.{transform}" for source in SOURCES for transform in TRANSFORMS]
    return [table for source in [*imported, *damaged] if source in COUNTS for table in tables_of("images", source)]


def say_changed_limits():
    """Say of which tables that are there already a limit would now take or refuse other pictures."""
    for line in changed_limits(limited_tables(), {key: config[key] for key in ("max_pixels", "max_bytes")}):
        logger.warning(line)
