# What losses depend on.


def reconstruction_settings(wildcards):
    """Return what an autoencoder's losses depend on, besides the images and how it is loaded."""
    encoding = config["reconstruction"]["encoding"]
    transform = wildcards.source.partition(".")[2]
    searched = transform and is_searched(TRANSFORMS[transform])
    return {
        # Only a sample of the posterior depends on the seed.
        "study_seed": config["seed"] if encoding == "sample" else 0,
        "autoencoder": wildcards.autoencoder,
        "encoding": encoding,
        "off_grid": "search" if searched else config["reconstruction"]["off_grid"],
        "refinement_steps": config["reconstruction"]["refinement_steps"],
        "orientations": config["reconstruction"]["orientations"],
        "refined_images": refined_images(wildcards),
        "resize_to": autoencoder_settings(wildcards.autoencoder)["resize_to"],
    }


def known_damage(wildcards):
    """Return the steps that a damaged source's images went through, if they keep the size; otherwise none."""
    transform = wildcards.source.partition(".")[2]
    steps = picture_steps(TRANSFORMS[transform]) if transform else []
    return steps if keeps_size(steps) else []


def reconstruction_cost(wildcards, resources):
    """Return what changes the time that losses take. As a function of `resources`, it makes no job run again."""
    return {"device": config["device"], "batch_size": autoencoder_settings(wildcards.autoencoder)["batch_size"]}


def query_measures(wildcards):
    """Return what the calibration needs of the query, once it is known to fit the autoencoders."""
    return f"{RESULTS}/verdicts/measures.json" if wildcards.source in QUERIES else []
