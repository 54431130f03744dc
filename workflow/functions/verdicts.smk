# What verdicts depend on.


def preprocessing():
    """Return how each autoencoder is loaded and its images are read: all that losses depend on, besides the weights."""
    reconstruction = config["reconstruction"]
    return {
        autoencoder: {
            "encoding": reconstruction["encoding"],
            "off_grid": reconstruction["off_grid"],
            "precision": autoencoder_settings(autoencoder)["precision"],
            "quantise": autoencoder_settings(autoencoder)["quantise"],
            "resize_to": autoencoder_settings(autoencoder)["resize_to"],
            "refinement_steps": reconstruction["refinement_steps"],
            "orientations": reconstruction["orientations"],
        }
        for autoencoder in AUTOENCODERS
    }


def verdict_metrics():
    """Return the metric of verdicts, and the second one if there is one."""
    keys = ("verdict_metric", "second_metric")
    return [metric for metric in (config["attribution"][key] for key in keys) if metric is not None]


def listed_calibrations(wildcards):
    """Return the calibrations to merge; if there are none, say how to list them."""
    if not IS_MERGED:
        raise WorkflowError("No calibrations to merge. List their files: --config calibration='[FILE, FILE]'")
    return config["calibration"]


def query_images(wildcards):
    """Return the images of the query; if there is none, say how to give one."""
    if not config["query"]:
        raise WorkflowError("No images to attribute. Name their folder: --config query=FOLDER")
    return tables_of("images", QUERY)


def query_losses(wildcards):
    """Return the losses of the query under every family."""
    return losses_of(QUERIES)


def model_names():
    """Return what the models of each autoencoder are called, so that claims of files can be compared with verdicts."""
    return {
        autoencoder: [autoencoder, *(name for model in models for name in names_of_model(model))]
        for autoencoder, models in own_sources().items()
    }


def names_of_model(model):
    """Return a model's id, its repository, and its name in the paper."""
    return [name for name in (model, MODELS[model]["repository"], PAPER_MODELS.get(model)) if name]
