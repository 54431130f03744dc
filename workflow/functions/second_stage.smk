# Which models' denoisers are asked about which images.

# The study's own calibration of the second stage, or with another study's calibration that study's.
SECOND_STAGE_CALIBRATION = (config["second_stage"] or {}).get(
    "calibration"
) or f"{RESULTS}/second_stage/calibration.parquet"


def asked_models():
    """Return the models that the second stage may ask, whether or not they share an autoencoder."""
    if config["second_stage"] is None:
        return []
    chosen = config["second_stage"]["models"]
    return [model for model, entry in MODELS.items() if entry["pipeline"] and (chosen is None or model in chosen)]


def asked_families():
    """Return the families with several models to ask, and these models. They are known once families are."""
    families_of = {}
    for model in asked_models():
        families_of.setdefault(family_of_model(model), []).append(model)
    return {family: models for family, models in families_of.items() if len(models) > 1}


def sources_of_family(family):
    """Return the models whose images a family's autoencoder decoded, with and without a denoiser that is asked."""
    return [model for model in SOURCES if model in MODELS and family_of_model(model) == family]


def asked_about(families):
    """Return what the second stage measures of the study: family, model, source and file of each errors table."""
    return [
        (family, model, source, table)
        for family, models in families.items()
        for model in models
        for source in sources_of_family(family)
        for table in tables_of(f"second_stage/errors/{model}", source)
    ]


def errors_of_families(wildcards):
    """Return the files of `asked_about`."""
    return [table for *_, table in asked_about(asked_families())]


def families_of_errors(wildcards):
    """Return the family of each of these files."""
    return [family for family, *_ in asked_about(asked_families())]


def names_of_errors(wildcards):
    """Return the model that was asked and the source of each of these files."""
    return [(model, source) for _, model, source, _ in asked_about(asked_families())]


def groups_of_sources(wildcards):
    """Return the homogeneity tables of the same sources, which hold the images' groups."""
    sources = dict.fromkeys(source for _, _, source, _ in asked_about(asked_families()))
    return tables_of_all("homogeneity", sources)


def model_figures():
    """Return the figure of the second stage, if the study asks models."""
    return ["second_stage"] if asked_families() else []


def tables_of_models(wildcards):
    """Return the tables of answers and of costs that the report shows."""
    return [f"{RESULTS}/second_stage/{table}.parquet" for table in ("confusion", "costs") if model_figures()]


def second_stage_outputs(wildcards):
    """Return what the second stage makes of the study; nothing if no models share an autoencoder."""
    if not asked_families():
        return []
    return [*rules.evaluate_models.output, *rules.plot_models.output]


def denoising_settings():
    """Return what errors depend on, besides models and images."""
    return {
        "levels": stage_setting("levels"),
        "noises": stage_setting("noises"),
        "refinement_steps": config["reconstruction"]["refinement_steps"],
    }


def stage_setting(key):
    """Return a setting of the second stage; None if there is no such stage."""
    return config["second_stage"] and config["second_stage"][key]


def denoiser_settings(model):
    """Return how a model's pipeline is loaded and asked."""
    keys = ["pipeline", "variant", "trusted_pickle", "precision", "guidance", "arguments"]
    return {key: MODELS[model][key] for key in keys}


def settings_of_asked(wildcards):
    """Return the same of every model that is asked."""
    return {model: denoiser_settings(model) for model in models_of_families()}


def denoising_cost(wildcards, resources):
    """Return what changes the time that errors take. As a function of `resources`, it makes no job run again."""
    keys = ["batch_size", "attention_slicing", "offload"]
    return {"device": config["device"], **{key: MODELS[wildcards.model][key] for key in keys}}


def models_of_families():
    """Return every model that is asked."""
    return [model for models in asked_families().values() for model in models]


def losses_of_image(wildcards):
    """Return the losses of a shard under its model's family: where its grid was found, and how it was turned."""
    return f"{RESULTS}/losses/{family_of_model(wildcards.model)}/{wildcards.source}/{wildcards.shard}.parquet"


def losses_of_asked(wildcards):
    """Return the losses of the sources of families whose models are asked, under their own families."""
    return [
        table
        for family in asked_families()
        for source in sources_of_family(family)
        for table in tables_of(f"losses/{family}", source)
    ]


def families_of_asked_losses(wildcards):
    """Return the family of each of these files."""
    families = asked_families()
    return [family for family in families for source in sources_of_family(family) for _ in shards_of(source)]


def asked_images(wildcards):
    """Return, for images of the query, which of them the models of each family are asked about."""
    return f"{RESULTS}/second_stage/asked.json" if wildcards.source in QUERIES else []


def checked_models(wildcards):
    """Return what the query's denoising waits for: the check that the calibration fits the models."""
    return f"{RESULTS}/second_stage/models.json" if wildcards.source in QUERIES else []


def query_stages(wildcards):
    """Return what the second stage's verdicts on the query come from; nothing without such a stage or a family for it."""
    if not asked_families():
        return []
    errors = [
        table for model in models_of_families() for table in tables_of_all(f"second_stage/errors/{model}", QUERIES)
    ]
    stage = f"{RESULTS}/second_stage"
    return [SECOND_STAGE_CALIBRATION, f"{stage}/models.json", f"{stage}/verdicts.parquet", *errors]


def query_second_stage(wildcards):
    """Return the same by name, with the signal, as attribute_images takes it."""
    files = query_stages(wildcards)
    if not files:
        return None
    calibration, matches, decided, *errors = files
    return {
        "calibration": calibration,
        "matches": matches,
        "decided": decided,
        "errors": errors,
        "score": stage_setting("score"),
        "is_closed": stage_setting("closed"),
    }


def second_stage_check(wildcards):
    """Return what check_second_stage is told, besides the calibration."""
    models = models_of_families()
    return {
        "families": asked_families(),
        "folders": {model: model_folder(model) for model in models},
        "components": {model: component_folders(model) for model in models},
        "settings": denoising_settings(),
        "model_settings": settings_of_asked(wildcards),
        "score": stage_setting("score"),
        "is_closed": stage_setting("closed"),
        "level": config["attribution"]["verdict_level"],
        "confidence": config["attribution"]["verdict_confidence"],
    }
