"""The study's configuration: filled with defaults, checked against the schema and across keys."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from aedr.errors import UserError
from aedr.study.plain_values import impossible_values
from aedr.study.plan import Configuration, autoencoder_name, is_single_file, needs_vgg, selected_models
from aedr.study.sources import QUERY, RESTORED
from aedr.study.transform_steps import DEFAULT_GRID, SEARCH, SEARCHED, UNTOUCHED, is_searched, options_of


def complete_configuration(config: Mapping[str, Any], schema_file: str | Path) -> Configuration:
    """Return the configuration with every key of the schema present.

    Raises:
        UserError: one message with a line for every unknown key, missing key and value out of range.
    """
    if problems := list(dict.fromkeys(impossible_values(config))):
        raise UserError("The configuration has mistakes:\n  " + "\n  ".join(problems))
    schema = yaml.safe_load(Path(schema_file).read_text())
    validator = jsonschema.Draft7Validator(schema)
    errors = sorted(validator.iter_errors(config), key=lambda error: [str(part) for part in error.absolute_path])
    if errors:
        # A message repeats the wrong value, which may be very long.
        lines = [f"{line:.500}" for error in errors for line in _explain(error, schema)]
        raise UserError("The configuration has mistakes:\n  " + "\n  ".join(dict.fromkeys(lines)))
    return _with_defaults(dict(config), schema, schema)


def _explain(error: jsonschema.ValidationError, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong, in terms of the configuration's keys."""
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "oneOf":
        of_its_type = [e for e in error.context if e.validator != "type" or list(e.relative_path)]
        for inner in of_its_type or [error.context[0]]:
            yield from _explain(inner, schema)
    elif error.validator == "additionalProperties":
        known = _resolve(error.schema, schema)["properties"]
        for key in sorted(set(error.instance) - set(known)):
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(sorted(known))}"
            yield f"{where + '.' if where else ''}{key}: unknown key; {hint}"
    elif error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        yield f"{where or 'top level'}: missing {', '.join(missing)}"
    else:
        yield f"{where or 'top level'}: {error.message}"


def _resolve(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schema["definitions"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part


def _with_defaults(value: Any, part: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Fill in the defaults of the schema's `part` and of everything below it."""
    part = _resolve(part, schema)
    if "oneOf" in part and isinstance(value, dict):
        part = next(_resolve(choice, schema) for choice in part["oneOf"] if "$ref" in choice)
    if not isinstance(value, dict):
        return value
    known = part.get("properties", {})
    filled = {
        key: value.get(key, sub.get("default", _resolve(sub, schema).get("default"))) for key, sub in known.items()
    }
    others = part.get("additionalProperties") or {}
    filled |= {key: inner for key, inner in value.items() if key not in known}
    return {key: _with_defaults(inner, known.get(key, others), schema) for key, inner in filled.items()}


def check_configuration(config: Configuration) -> None:
    """Check what the schema cannot: that keys agree with each other, and that named files exist.

    Raises:
        UserError: one message with a line for every problem.
    """
    # The other checks look up models, so the models must be right first.
    problems = list(_check_models(config)) or [
        *(_check_prompts(config) if config["calibration"] is None else []),
        *_check_files(config),
        *_check_attribution(config),
        *_check_second_stage(config),
        *_check_rivals(config),
        *_check_transforms(config),
    ]
    if problems:
        raise UserError("The configuration has mistakes:\n  " + "\n  ".join(problems))


def _check_models(config: Configuration) -> Iterator[str]:
    models = config["models"]
    for name in config["select"] or []:
        if name not in models:
            yield f"select: {name} is not a model; the models are {', '.join(models)}"
    for name in {QUERY, RESTORED} & {*models, *config["image_sets"]}:
        yield f"{name}: this id is reserved for the images to attribute; give the model or image set another one"
    for name in set(models) & set(config["image_sets"]):
        yield f"{name} is the id of both a model and an image set; rename one"
    for name, model in models.items():
        if sum(model[key] is not None for key in ("pipeline", "decode", "folder", "dataset")) != 1:
            yield f"models.{name}: give one of pipeline, decode, folder and dataset (where its images come from)"
        if sum(model[key] is not None for key in ("repository", "path")) != 1:
            yield f"models.{name}: give exactly one of repository and path (where its weights come from)"
        for part, place in model["components"].items():
            if sum(place[key] is not None for key in ("repository", "path")) != 1:
                yield f"models.{name}.components.{part}: give exactly one of repository and path"
            elif place["repository"] is not None and model["repository"] is None:
                yield (
                    f"models.{name}.components.{part}: nothing is downloaded for a model with a `path`; download "
                    f"{place['repository']} and give its folder as `path`"
                )
        if model["decode"] is not None and model["decode"] not in config["image_sets"]:
            yield f"models.{name}.decode: {model['decode']} is not an image set"
        if model["group"] != "image" and model["folder"] is None:
            yield (
                f"models.{name}.group: only images that lie in a folder can be grouped; remove this key. A generated "
                "image stands for itself, and a decoded one belongs to the group of the image that was decoded"
            )
        if model["pipeline"] is not None and is_single_file(model["path"]):
            yield (
                f"models.{name}.path: a pipeline needs a folder in diffusers' layout; a single file can only be an "
                "autoencoder, for images from decode, folder or dataset"
            )
        yield from _check_dataset(f"models.{name}", model)
        shared = model["autoencoder"]
        if isinstance(shared, str) and isinstance(models.get(shared, {}).get("autoencoder"), str | None):
            yield f"models.{name}.autoencoder: {shared} is not a model that describes its own autoencoder"
    for name, image_set in config["image_sets"].items():
        if (image_set["folder"] is None) == (image_set["dataset"] is None):
            yield f"image_sets.{name}: give exactly one of folder and dataset (where its images are)"
        if image_set["group"] != "image" and image_set["dataset"] is not None:
            yield f"image_sets.{name}.group: only images that lie in a folder can be grouped; remove this key"
        yield from _check_dataset(f"image_sets.{name}", image_set)
    owners = [name for name, model in models.items() if not isinstance(model["autoencoder"], str)]
    names = [autoencoder_name(models, name) for name in owners]
    for name in {name for name in names if names.count(name) > 1}:
        yield (
            f"autoencoder.name: several models give the name {name}. If they share one autoencoder, describe it in "
            "one model and give that model's id as autoencoder in the others"
        )


def _check_dataset(key: str, entry: Mapping[str, Any]) -> Iterator[str]:
    dataset = entry["dataset"]
    if dataset is not None and (dataset["column"] is None) != (dataset["value"] is None):
        yield f"{key}.dataset: give both column and value, or neither for all rows"


def _check_prompts(config: Configuration) -> Iterator[str]:
    prompts = config["prompts"]
    if not any(model["pipeline"] for model in selected_models(config).values()):
        return
    if (prompts["image_set"] is None) == (prompts["file"] is None):
        yield "prompts: give exactly one of image_set and file; models with a pipeline need prompts"
    elif prompts["image_set"] is not None:
        if prompts["image_set"] not in config["image_sets"]:
            yield f"prompts.image_set: {prompts['image_set']} is not an image set"
        clip = prompts["clip"]
        named = [clip["path"], clip["repository"], clip["model"] and clip["pretrained"]]
        if sum(name is not None for name in named) != 1:
            yield "prompts.clip: give exactly one of repository, path, and model with pretrained"
        if clip["revision"] is not None and clip["repository"] is None:
            yield "prompts.clip.revision: it is that of a repository; give repository too"
        captioner = prompts["captioner"]
        if captioner is not None and (captioner["path"] is None) == (captioner["repository"] is None):
            yield "prompts.captioner: give exactly one of repository and path"
        if captioner is None and prompts["captions"] is None:
            yield "prompts: give captioner, or a file as captions"


def _check_files(config: Configuration) -> Iterator[str]:
    prompts = config["prompts"]
    backbones = {
        "reconstruction.lpips_backbone": config["reconstruction"]["lpips_backbone"],
        "rival_settings.vgg_backbone": config["rival_settings"]["vgg_backbone"],
    }
    paths = {f"models.{name}.path": model["path"] for name, model in selected_models(config).items()}
    files = {key: path for key, path in paths.items() if is_single_file(path)}
    folders = {key: path for key, path in paths.items() if key not in files} | {"query": config["query"]}
    folders |= {
        f"models.{name}.components.{part}.path": place["path"]
        for name, model in selected_models(config).items()
        for part, place in model["components"].items()
    }
    calibration = config["calibration"]
    files |= (
        {f"calibration.{number}": path for number, path in enumerate(calibration)}
        if isinstance(calibration, list)
        else {"calibration": calibration}
    )
    own = os.path.realpath(os.path.join(config["results"], "calibration.parquet"))
    if isinstance(calibration, list) and own in map(os.path.realpath, calibration):
        # Its rule would run again, without a study.
        yield f"calibration: {own} is this study's own; merge into another folder: --config results=FOLDER"
    files["second_stage.calibration"] = (config["second_stage"] or {}).get("calibration")
    for key, backbone in backbones.items():
        if backbone != "torchvision":
            files[key] = backbone
    # A calibration takes the place of a study, so no prompts are needed.
    study = config["calibration"] is None
    folders |= (
        {
            "prompts.clip.path": prompts["clip"]["path"],
            "prompts.captioner.path": (prompts["captioner"] or {}).get("path"),
            "prompts.vocabulary": prompts["vocabulary"],
        }
        if study
        else {}
    )
    files |= {"prompts.captions": prompts["captions"], "prompts.file": prompts["file"]} if study else {}
    for key, path in folders.items():
        if path is not None and not os.path.isdir(path):
            yield f"{key}: the folder {path} does not exist"
    for key, path in files.items():
        if path is not None and not os.path.isfile(path):
            yield f"{key}: the file {path} does not exist"
    written = {key: config[key] for key in ("results", "resources")}
    for key, path in written.items():
        if os.path.exists(path) and not os.path.isdir(path):
            yield f"{key}: {path} is a file; name a folder"
    if os.path.realpath(written["results"]) == os.path.realpath(written["resources"]):
        yield "results and resources are the same folder; name two different ones"
    # The images of the query are not inputs of a rule, so their folder may have any name.
    for key, path in (folders | files | written).items():
        if key != "query" and path is not None and set(path) & set("{}"):
            yield f"{key}: Snakemake would read the braces in {path} as a wildcard; rename it"


def _check_attribution(config: Configuration) -> Iterator[str]:
    metrics = config["reconstruction"]["metrics"]
    searches = {"reconstruction.off_grid: search"} if config["reconstruction"]["off_grid"] == "search" else set()
    searches |= {f"transforms.{name}: {SEARCH}" for name, steps in config["transforms"].items() if is_searched(steps)}
    if searches:
        if config["reconstruction"]["encoding"] != "mode":
            yield f"{min(searches)} needs the posterior's mode; set reconstruction.encoding: mode"
        for name, model in selected_models(config).items():
            if isinstance(model["autoencoder"], dict) and model["autoencoder"]["resize_to"] is not None:
                yield f"models.{name}.autoencoder.resize_to: a resized image has no grid left to search for"
    for key in ("metric", "verdict_metric", "second_metric"):
        metric = config["attribution"][key]
        # With a calibration from another study, the calibration's metrics count.
        if metric is not None and metric not in metrics and (key == "metric" or config["calibration"] is None):
            yield f"attribution.{key}: {metric} is not in reconstruction.metrics; add it there, or name another one"
    if "lpips" in metrics and config["reconstruction"]["lpips_backbone"] is None:
        yield (
            "reconstruction.lpips_backbone: the metric lpips needs AlexNet's weights; name their file, write "
            "torchvision to download them, or remove lpips from metrics"
        )
    names = {autoencoder_name(config["models"], name) for name in config["models"]}
    for name in set(config["attribution"]["significance_levels"]) - names:
        known = ", ".join(sorted(names))
        yield f"attribution.significance_levels: {name} is not an autoencoder; the autoencoders are {known}"


def _check_second_stage(config: Configuration) -> Iterator[str]:
    stage = config["second_stage"]
    if stage is None:
        return
    models = selected_models(config)
    with_pipeline = [name for name, model in models.items() if model["pipeline"] is not None]
    for name in stage["models"] or []:
        if name not in with_pipeline:
            yield (
                f"second_stage.models: {name} is not a selected model with a pipeline, and only a pipeline has a "
                f"denoiser to ask; these are {', '.join(with_pipeline) or 'none'}"
            )
    if (config["calibration"] is None) != (stage["calibration"] is None):
        yield (
            "second_stage.calibration: it goes with `calibration`, and is the second_stage/calibration.parquet of the "
            "same study; give both or neither, or set second_stage: null"
        )


def _check_rivals(config: Configuration) -> Iterator[str]:
    needing = [rival for rival in config["rivals"] if needs_vgg(config, rival)]
    if needing and config["rival_settings"]["vgg_backbone"] is None:
        names = " and ".join(needing)
        yield (
            f"rival_settings.vgg_backbone: this workflow does not include VGG16's weights, needed for {names}; name "
            f"their file, write torchvision to download them (528 MB), or remove {names} from rivals"
        )


def _check_transforms(config: Configuration) -> Iterator[str]:
    for name, steps in config["transforms"].items():
        if any(SEARCH in step for step in steps[:-1]):
            yield f"transforms.{name}: {SEARCH} does not change images, so it must be the last step"
        if name == UNTOUCHED:
            yield f"transforms.{name}: this id is reserved for the undamaged images; give the transform another one"
        if name == SEARCHED and steps != [{SEARCH: {}}]:
            yield (
                f"transforms.{name}: this id is reserved for the undamaged images after a search of the grid; give the "
                "transform another one"
            )
        for operation, options in map(options_of, steps):
            grid = options.get("grid", DEFAULT_GRID)
            if operation == "centre_crop" and options["size"] % grid:
                yield (
                    f"transforms.{name}: centre_crop.size {options['size']} is not a multiple of centre_crop.grid "
                    f"{grid}; give another size, or a grid that every autoencoder's factor divides"
                )
