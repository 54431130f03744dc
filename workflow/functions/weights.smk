# Where weights are, and which repositories they come from.

from aedr.study.needs import prompt_model_need


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
    asked = [model for model in asked_models() if MODELS[model]["repository"] is not None]
    whole = [need for model in MODELS if is_fetched_whole(model) or model in asked for need in model_needs(model)]
    alone = [
        need
        for autoencoder, owner in AUTOENCODERS.items()
        if not is_fetched_whole(owner) and config["models"][owner]["repository"] is not None
        for need in autoencoder_needs(autoencoder)
    ]
    return whole + alone + prompt_model_needs() + backbone_needs()


def study_device(wildcards, resources):
    """Return the study's device. As a function of `resources`, it makes no job run again."""
    return config["device"]


def fetches_clip_model():
    """Return whether the study fetches a CLIP model."""
    return EXTRACTS_PROMPTS and not PROMPTS["clip"]["path"]


def fetches_captioner():
    """Return whether the study fetches a captioner."""
    captioner = PROMPTS["captioner"]
    return EXTRACTS_PROMPTS and captioner and not captioner["path"] and not PROMPTS["captions"]


def prompt_model_needs():
    """Return the repositories of the captioner and of CLIP. open_clip alone knows those of a model and its tag."""
    needs = []
    if fetches_captioner():
        captioner = PROMPTS["captioner"]
        needs.append(prompt_model_need("captioner", captioner["repository"], captioner["revision"], captioner_folder()))
    if fetches_clip_model() and PROMPTS["clip"]["repository"]:
        needs.append(prompt_model_need("clip", **clip_source(), folder=clip_folder()))
    return needs


def backbone_address(backbone):
    """Return where torchvision's weights of a network are."""
    return f"https://download.pytorch.org/models/{backbone}.pth"


def backbone_needs():
    """Return the files of the networks of LPIPS that the study fetches."""
    files = {"reconstruction.lpips_backbone": lpips_backbone()}
    if any(plan.needs_vgg(config, rival) for rival in config["rivals"]):
        files["rival_settings.vgg_backbone"] = vgg_file()
    return [
        {"key": key, "url": backbone_address(Path(file).stem), "folder": file}
        for key, file in files.items()
        if file and file.startswith(f"{RESOURCES}/lpips/")
    ]


def clip_source():
    """Return what names the CLIP model to fetch: its repository, or what open_clip calls it."""
    clip = PROMPTS["clip"]
    keys = ["repository", "revision"] if clip["repository"] else ["model", "pretrained"]
    return {key: clip[key] for key in keys}


def clip_folder():
    """Return the folder of the CLIP model: the configured one, or where fetch_clip_model puts it."""
    clip = PROMPTS["clip"]
    return clip["path"] or f"{RESOURCES}/clip/{'--'.join(clip_name())}"


def clip_name():
    """Return the parts of the CLIP model's name."""
    clip = PROMPTS["clip"]
    return Path(clip["repository"]).parts if clip["repository"] else (clip["model"], clip["pretrained"])


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
    return vgg_file()


def vgg_file():
    """Return the file of VGG16's weights."""
    backbone = config["rival_settings"]["vgg_backbone"]
    return f"{RESOURCES}/lpips/vgg16-397923af.pth" if backbone == "torchvision" else backbone
