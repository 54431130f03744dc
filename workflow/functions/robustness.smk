# Damaged sources, {source}.{transform}, and what they are compared with.


def damaged_sources(transform):
    """Return the names of every source's images after a transform."""
    return [f"{source}.{transform}" for source in SOURCES]


def undamaged_sources(transform):
    """Return the names of what damaged images are compared with: the sources themselves, or their searched images."""
    return damaged_sources(SEARCHED) if is_searched(TRANSFORMS[transform]) else list(SOURCES)


def losses_to_score(sources, transform):
    """Return the losses of sources and, unless the transform searches the grid, which no rival does, the rivals'."""
    return losses_of(sources) + ([] if is_searched(TRANSFORMS[transform]) else rivals_of(sources))


def transform_seed(wildcards):
    """Return the seed that a transform's images depend on: the study's for noise, else none."""
    return config["seed"] if is_random(TRANSFORMS[wildcards.transform]) else 0
