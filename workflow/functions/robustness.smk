# Damaged sources, {source}.{transform}, and what they are compared with.


def damaged_sources(transform):
    """Return the names of every source's images after a transform."""
    return [f"{source}.{transform}" for source in SOURCES]


def undamaged_sources(transform):
    """Return the sources that damaged images are compared with: undamaged, or undamaged after a search of the grid."""
    return damaged_sources(SEARCHED) if is_searched(TRANSFORMS[transform]) else list(SOURCES)


def losses_to_score(sources, transform):
    """Return the losses of sources, and those of rivals unless the transform searches the grid (no rival does)."""
    return losses_of(sources) + ([] if is_searched(TRANSFORMS[transform]) else rivals_of(sources))


def families_to_score(sources, transform):
    """Return the family of each file of `losses_to_score`."""
    rivals = [] if is_searched(TRANSFORMS[transform]) else names_of_rivals_of(sources)
    return families_of_losses_of(sources) + [family for _, family in rivals]


def transform_seed(wildcards):
    """Return the seed that a transform's images depend on: the study's if it adds noise, otherwise 0."""
    return config["seed"] if is_random(TRANSFORMS[wildcards.transform]) else 0
