# Where weights are, and which repositories they come from.


def is_fetched_whole(model):
    """Return whether a model's whole pipeline is fetched, not only its autoencoder."""
    generates = model in MODELS and MODELS[model]["pipeline"] is not None and config["calibration"] is None
    return generates and MODELS[model]["repository"] is not None


def model_folder(model):
    """Return the folder of a model's pipeline."""
    return MODELS[model]["path"] or f"{RESOURCES}/models/{model}"


def model_weights(model):
    """Return the input that stands for a model's pipeline: its own folder, or the record that it was fetched."""
    return MODELS[model]["path"] or f"{RESOURCES}/models/{model}.json"


def fetched_component(place):
    """Return the folder of a part from another repository, beside the model's own; parts may share it."""
    return "--".join([*Path(place["repository"]).parts, *filter(None, [place["subfolder"]])])


def component_folders(model):
    """Return the folders of the parts that are not among a model's own, by their names."""
    return {
        name: os.path.join(
            place["path"] or f"{model_folder(model)}/{fetched_component(place)}", place["subfolder"] or ""
        )
        for name, place in MODELS[model]["components"].items()
    }


def autoencoder_folder(autoencoder):
    """Return the folder of an autoencoder: its own, or that of the model it is part of."""
    owner = AUTOENCODERS[autoencoder]
    if is_fetched_whole(owner):
        return model_folder(owner)
    return config["models"][owner]["path"] or f"{RESOURCES}/autoencoders/{autoencoder}"


def autoencoder_weights(autoencoder):
    """Return the input that stands for an autoencoder."""
    owner = AUTOENCODERS[autoencoder]
    if is_fetched_whole(owner):
        return model_weights(owner)
    return config["models"][owner]["path"] or f"{RESOURCES}/autoencoders/{autoencoder}.json"


def repository_need(model, folder, **changes):
    """Return what `aedr.weights` needs to know to fetch a model's repository to a folder."""
    entry = config["models"][model]
    return {
        "key": f"models.{model}",
        "repository": entry["repository"],
        "revision": entry["revision"],
        "variant": entry["variant"],
        "trusted_pickle": entry["trusted_pickle"],
        "folder": f"{RESOURCES}/{folder}",
        "part": "pipeline",
        "subfolder": None,
    } | changes


def model_needs(model):
    """Return the repositories of a model's pipeline: its own, its prior's, and those of parts from elsewhere."""
    parts = MODELS[model]["components"]
    needs = [repository_need(model, f"models/{model}", **({"elsewhere": sorted(parts)} if parts else {}))]
    for name, place in parts.items():
        if place["repository"] is None:
            continue
        source = {key: place[key] for key in ("repository", "revision", "subfolder")}
        key, folder = f"models.{model}.components.{name}", f"models/{model}/{fetched_component(place)}"
        need = repository_need(model, folder, key=key, part="component", **source)
        needs += [need] if need["folder"] not in [other["folder"] for other in needs] else []
    prior = {"repository": MODELS[model]["prior_repository"], "revision": MODELS[model]["prior_revision"]}
    if prior["repository"] is not None:
        key = f"models.{model}.prior_repository"
        needs.append(repository_need(model, f"models/{model}/prior", key=key, **prior))
    return needs


def autoencoder_needs(autoencoder):
    """Return the repository of an autoencoder that is fetched alone."""
    owner = AUTOENCODERS[autoencoder]
    subfolder = config["models"][owner]["autoencoder"]["subfolder"]
    return [repository_need(owner, f"autoencoders/{autoencoder}", part="autoencoder", subfolder=subfolder)]


def study_needs(wildcards, resources):
    """Return every repository of the study. Each job asks the hub about all of them before it downloads its own.

    As a function of `resources`, this does not make Snakemake rerun a job: an added model must not fetch all others
    again. (A separate rule that asks would do that too or, as an ancient input, keep Snakemake from planning new jobs.)
    """
    whole = [need for model in MODELS if is_fetched_whole(model) for need in model_needs(model)]
    alone = [
        need
        for autoencoder, owner in AUTOENCODERS.items()
        if not is_fetched_whole(owner) and config["models"][owner]["repository"] is not None
        for need in autoencoder_needs(autoencoder)
    ]
    return whole + alone


def clip_folder():
    """Return the folder of the CLIP model: the configured one, or where fetch_clip_model puts it."""
    clip = PROMPTS["clip"]
    return clip["path"] or f"{RESOURCES}/clip/{clip['model']}--{clip['pretrained']}"


def captioner_folder():
    """Return the folder of the captioner: the configured one, or where fetch_captioner puts it."""
    captioner = PROMPTS["captioner"]
    return captioner["path"] or f"{RESOURCES}/captioner/{'--'.join(Path(captioner['repository']).parts)}"


def lpips_backbone():
    """Return the file of AlexNet's weights, or nothing if lpips is not a metric."""
    if "lpips" not in METRICS:
        return []
    backbone = config["reconstruction"]["lpips_backbone"]
    return f"{RESOURCES}/lpips/alexnet-owt-7be5be79.pth" if backbone == "torchvision" else backbone


def vgg_backbone(wildcards):
    """Return the file of VGG16's weights, or nothing if the rival does not need them."""
    if not plan.needs_vgg(config, wildcards.rival):
        return []
    backbone = config["rival_settings"]["vgg_backbone"]
    return f"{RESOURCES}/lpips/vgg16-397923af.pth" if backbone == "torchvision" else backbone
