# What the losses of rivals depend on, and which rivals are measured.

import csv


def rival_settings(wildcards):
    """Return the settings that a rival's losses depend on."""
    settings = config["rival_settings"].get(wildcards.rival, {})
    return {key: value for key, value in settings.items() if key != "batch_size"}


def rival_reading(wildcards):
    """Return how a rival reads images. No rival searches the grid, and only some draw random numbers."""
    settings = reconstruction_settings(wildcards)
    off_grid = "crop" if settings["off_grid"] == "search" else settings["off_grid"]
    seed = config["seed"] if RIVALS[wildcards.rival].is_seeded else 0
    return settings | {"encoding": "mode", "off_grid": off_grid, "study_seed": seed}


def rival_cost(wildcards, resources):
    """Return what changes the time that a rival takes. As a function of `resources`, it makes no job run again."""
    cost = reconstruction_cost(wildcards, resources)
    batch_size = config["rival_settings"].get(wildcards.rival, {}).get("batch_size")
    return cost | ({"batch_size": batch_size} if batch_size else {})


def rival_families(rival):
    """Return the families that a rival is measured under: if it needs a codebook, only those not known to have none."""
    names = families()
    table = Path(rules.collect_autoencoders.output.csv)
    if not RIVALS[rival].needs_codebook or not table.is_file():
        return names
    with open(table, encoding="utf-8", newline="") as file:
        continuous = {row["autoencoder"] for row in csv.DictReader(file) if row["class"] != "VQModel"}
    return [name for name in names if name not in continuous]


def measured_rivals():
    """Return the rivals and the families that each is measured under."""
    return [(rival, family) for rival in config["rivals"] for family in rival_families(rival)]


def rivals_of(sources):
    """Return the rivals' losses of sources under every family."""
    return [
        table
        for rival, family in measured_rivals()
        for source in sources
        for table in tables_of(f"rivals/{rival}/{family}", source)
    ]


def rivals_of_families(wildcards):
    """Return the rivals' losses of every source under every family."""
    return rivals_of(SOURCES)


def names_of_rivals(wildcards):
    """Return the rival and the family of each file of `rivals_of_families`."""
    return names_of_rivals_of(SOURCES)


def names_of_rivals_of(sources):
    """Return the rival and the family of each file of `rivals_of`."""
    return [measured for measured in measured_rivals() for source in sources for _ in shards_of(source)]


def families_of_signals(wildcards):
    """Return the family of each file of `losses_of_families`, then of each of `rivals_of_families`."""
    return families_of_losses(wildcards) + [family for _, family in names_of_rivals(wildcards)]
