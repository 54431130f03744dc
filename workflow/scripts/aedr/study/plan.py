"""The models, autoencoders, transforms and images of a study, from its checked configuration."""

import sys
from collections.abc import Mapping
from typing import Any

from aedr.study.datasets import list_rows
from aedr.study.image_files import list_images
from aedr.study.prompt_files import count_prompts
from aedr.study.sources import QUERY, RESTORED
from aedr.study.transform_steps import SEARCH, SEARCHED, is_searched

Configuration = dict[str, Any]


def autoencoder_owner(models: Mapping[str, Any], model: str) -> str:
    """Return the id of the model whose entry describes the autoencoder of `model`."""
    autoencoder = models[model]["autoencoder"]
    return autoencoder if isinstance(autoencoder, str) else model


def autoencoder_name(models: Mapping[str, Any], model: str) -> str:
    """Return the name of the autoencoder of `model` in tables and plots."""
    owner = autoencoder_owner(models, model)
    return models[owner]["autoencoder"]["name"] or owner


def selected_models(config: Configuration) -> dict[str, Any]:
    """Return the entries of the models that the study uses, in the configuration's order."""
    chosen = config["select"]
    return {name: model for name, model in config["models"].items() if chosen is None or name in chosen}


def is_single_file(path: str | None) -> bool:
    """Return whether a model's `path` names the file of an autoencoder, and not a folder."""
    return path is not None and path.endswith(".safetensors")


def needs_vgg(config: Configuration, rival: str) -> bool:
    """Return whether a rival, as configured, uses VGG16."""
    return str(config["rival_settings"].get(rival, {}).get("distance")).startswith("lpips_vgg")


def all_transforms(config: Configuration) -> dict[str, Any]:
    """Return the steps of each transform, and a search of the undamaged images if searched transforms need it.

    With a calibration from another study there are none.
    """
    transforms = {} if config["calibration"] else config["transforms"]
    searched = any(is_searched(steps) for steps in transforms.values())
    return transforms | ({SEARCHED: [{SEARCH: {}}]} if searched else {})


def imported_folder(config: Configuration, source: str) -> tuple[str, str]:
    """Return the key and the folder of an image set, of a model whose images already exist, or of the query."""
    if source == QUERY:
        return "query", config["query"]
    entry = "image_sets" if source in config["image_sets"] else "models"
    return f"{entry}.{source}.folder", config[entry][source]["folder"]


def dataset_of(config: Configuration, source: str) -> dict[str, Any] | None:
    """Return the data set that the images of a source are read from, or None if they come from elsewhere."""
    dataset: dict[str, Any] | None = (config["image_sets"] | config["models"]).get(source, {}).get("dataset")
    return dataset


def grouping(config: Configuration, source: str) -> dict[str, str]:
    """Return what a source's groups follow from: the source of the names, and a value of the key `group`.

    A decoded image has the name of the image that was decoded, and is in its group if the key names one. A damaged one
    is in the group of the untouched image. Images of the query have no groups.
    """
    source = source.partition(".")[0]
    if source in (QUERY, RESTORED):
        return {"source": QUERY, "by": "image"}
    decoded = config["models"].get(source, {}).get("decode") or source
    by = (config["image_sets"] | config["models"])[decoded]["group"]
    return {"source": source if by == "image" else decoded, "by": by}


def list_source(config: Configuration, source: str, at_most: int) -> list[str]:
    """Return the names of a source's first images, as `aedr.study.image_files` or `aedr.study.datasets` lists them.

    Raises:
        UserError: as `list_images` or `list_rows` does.
    """
    if (dataset := dataset_of(config, source)) is not None:
        entry = "image_sets" if source in config["image_sets"] else "models"
        return list_rows(dataset, at_most, f"{entry}.{source}.dataset")
    key, folder = imported_folder(config, source)
    return list_images(folder, at_most, key, any_name=source == QUERY)


def count_images(config: Configuration) -> dict[str, int]:
    """Return how many images each source of the study has; sources are the selected models and the image sets.

    With a calibration from another study there are none.

    Raises:
        UserError: a folder of images, a data set or a file of prompts is missing, empty or not what it is said to be.
    """
    if config["calibration"] is not None:
        return {}
    at_most = config["images_per_source"]
    models = selected_models(config)
    counts = {name: len(list_source(config, name, at_most)) for name in config["image_sets"]}
    if any(model["pipeline"] for model in models.values()):
        prompts = config["prompts"]
        prompt_count = min(at_most, count_prompts(prompts["file"])) if prompts["file"] else counts[prompts["image_set"]]
    for name, model in models.items():
        if model["pipeline"] is not None:
            counts[name] = prompt_count
        elif model["decode"] is not None:
            counts[name] = counts[model["decode"]]
        else:
            counts[name] = len(list_source(config, name, at_most))
    return {name: counts[name] for name in [*models, *config["image_sets"]]}


def count_query(config: Configuration) -> dict[str, int]:
    """Return how many images there are to attribute, by the name of their source.

    Raises:
        UserError: the folder is missing or empty.
    """
    count = len(list_source(config, QUERY, sys.maxsize)) if config["query"] else 0
    return {QUERY: count, RESTORED: count}
