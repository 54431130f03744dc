# What the comparison with the paper reads, besides accuracy and thresholds: the costs of the losses of own images.


def losses_of_paper_models(wildcards):
    """Return the losses of the images of each of the paper's models, under its own autoencoder."""
    return own_tables("losses")


def traced_of_paper_models(wildcards):
    """Return the same as LatentTracer measured them, if it is one of the rivals."""
    return own_tables("rivals/latent_tracer") if "latent_tracer" in config["rivals"] else []


def own_tables(table):
    """Return the files of a table of each of the paper's models, under its own autoencoder."""
    return [file for model in PAPER_MODELS for file in tables_of(f"{table}/{family_of_model(model)}", model)]


# The model of each file of `losses_of_paper_models`.
models_of_losses = [model for model in PAPER_MODELS for _ in shards_of(model)]
