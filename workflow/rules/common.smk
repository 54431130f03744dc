# What all rules share: the checked configuration, and what follows from it.
#
# needs  config
# makes  RESULTS, RESOURCES, MODELS, AUTOENCODERS, PAPER_MODELS, SOURCES, TRANSFORMS, COUNTS, METRICS, PROMPTS,
#        EXTRACTS_PROMPTS, REAL_SOURCES, QUERIES, GPUS and the functions below

import os
import sys
from pathlib import Path, PurePosixPath

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger


def scripts_folder():
    """Return the folder of the scripts and of the package that they share.

    If `module` names a workflow on a Git host, Snakemake copies only the files that rules name, one by one, to a cache
    with the same folders. All other files that the scripts import and read are requested here.
    """
    rules_folder = workflow.current_basedir
    if isinstance(rules_folder, os.PathLike):
        return Path(rules_folder).parent / "scripts"
    if not hasattr(rules_folder, "hosted_repo"):
        raise WorkflowError(f"{rules_folder}: name the workflow by a folder, github() or gitlab()")
    folder = rules_folder.join("..")
    tracked = folder.hosted_repo.repo.git.ls_tree("-r", "--name-only", folder.ref, f"{folder.path}/").splitlines()
    names = [str(PurePosixPath(path).relative_to(folder.path)) for path in tracked]
    cached = {name: workflow.sourcecache.get_path(folder.join(name)) for name in names}
    return Path(cached["scripts/aedr/__init__.py"]).parents[1]


sys.path.append(str(scripts_folder()))

from aedr.study import plan
from aedr.study.code import code_digest
from aedr.study.configuration import check_configuration, complete_configuration
from aedr.study.configuration_file import check_configuration_file
from aedr.study.datasets import split_row
from aedr.study.limits import changed_limits
from aedr.study.paper import paper_models
from aedr.errors import UserError
from aedr.study.rivals import RIVALS
from aedr.study.sources import QUERY, RESTORED
from aedr.study.transform_steps import SEARCHED, is_random, is_searched, keeps_size, picture_steps, strength_axes

try:
    for config_file in workflow.configfiles:
        check_configuration_file(config_file)
    config = complete_configuration(config, workflow.source_path("../schemas/config.schema.yaml"))
    check_configuration(config)
    SOURCES = plan.count_images(config)
    TRANSFORMS = plan.all_transforms(config)
    damaged = {f"{source}.{transform}": count for source, count in SOURCES.items() for transform in TRANSFORMS}
    # The images to attribute and the damaged images are not sources of the study.
    COUNTS = SOURCES | plan.count_query(config) | damaged
except UserError as error:
    # Not raised: Snakemake would add a place in its own files.
    logger.error(f"Error: {error}")
    sys.exit(1)

RESULTS = config["results"]
RESOURCES = config["resources"]
MODELS = plan.selected_models(config)
# The model that describes each autoencoder, by the autoencoder's name.
AUTOENCODERS = {
    plan.autoencoder_name(config["models"], model): plan.autoencoder_owner(config["models"], model) for model in MODELS
}
# What the paper calls those of the models that it reports on.
PAPER_MODELS = paper_models({model: MODELS[model] for model in SOURCES if model in MODELS})
METRICS = config["reconstruction"]["metrics"]
PROMPTS = config["prompts"]
# Prompts come from a file, or else from the images of an image set.
EXTRACTS_PROMPTS = bool(SOURCES and PROMPTS["image_set"] and not PROMPTS["file"])
REAL_SOURCES = [name for name, entry in config["image_sets"].items() if entry["real"]]
QUERIES = [QUERY, *([RESTORED] if config["attribution"]["undo_resizes"] else [])]
# A job that would not use a GPU must not wait for one.
GPUS = 0 if config["device"] == "cpu" else 1


wildcard_constraints:
    # Damaged images are SOURCE.TRANSFORM.
    source=r"[a-z0-9-]+(\.[a-z0-9-]+)?",
    model="[a-z0-9-]+",
    autoencoder="[a-z0-9.-]+",
    shard="[0-9]{5}",
    rival="[a-z_]+",
    backbone="[a-z0-9-]+",


def environment(name):
    """Return the path of an environment file, relative to the rule's file, as Snakemake expects it."""
    return f"../../envs/{name}.yaml"


def page_assets(*files):
    """Return what a page is made from, below `workflow`: the given files, and those that all pages share."""
    return [f"pages/{file}" for file in ("base.html.j2", "page.css", "page.js", *files)]


def shard_range(source, shard):
    """Return the positions [start, stop) of a shard among its source's images."""
    start = int(shard) * config["shard_size"]
    return start, min(start + config["shard_size"], COUNTS[source])


def shards_of(source):
    """Return the names of a source's shards."""
    return [f"{shard:05d}" for shard in range(-(-COUNTS[source] // config["shard_size"]))]


def tables_of(table, source):
    """Return the files of a source's table (images, homogeneity or losses/AUTOENCODER), one for each shard."""
    return [f"{RESULTS}/{table}/{source}/{shard}.parquet" for shard in shards_of(source)]


def tables_of_all(table, sources):
    """Return the files of a table of several sources."""
    return [file for source in sources for file in tables_of(table, source)]


def autoencoder_of(model):
    """Return the name of a model's autoencoder."""
    return plan.autoencoder_name(config["models"], model)


def own_sources():
    """Return each autoencoder's own sources: the models whose images it decoded."""
    return {
        autoencoder: [model for model in MODELS if autoencoder_of(model) == autoencoder] for autoencoder in AUTOENCODERS
    }


def significance_levels():
    """Return each autoencoder's significance level."""
    attribution = config["attribution"]
    return {
        autoencoder: attribution["significance_levels"].get(autoencoder, attribution["significance_level"])
        for autoencoder in AUTOENCODERS
    }


def models_where(key):
    """Return a wildcard pattern of the selected models whose entry has `key`; it matches nothing if none has."""
    return names_where(key, MODELS)


def image_sets_where(key):
    """Return a wildcard pattern of the image sets whose entry has `key`; it matches nothing if none has."""
    return names_where(key, config["image_sets"])


def names_where(key, entries):
    """Return a wildcard pattern of the names of entries that have `key`; it matches nothing if none has."""
    return "|".join([name for name, entry in entries.items() if entry[key]] or ["-"])
