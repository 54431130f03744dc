# How autoencoders are loaded, and which of them are reconstructed.

import csv

from snakemake.exceptions import IncompleteCheckpointException


def autoencoder_settings(autoencoder):
    """Return the entry that describes an autoencoder."""
    return config["models"][AUTOENCODERS[autoencoder]]["autoencoder"]


def autoencoder_environment(wildcards):
    """Return the environment that an autoencoder runs in."""
    return environment(config["models"][AUTOENCODERS[wildcards.autoencoder]]["environment"])


def weights_settings(autoencoder):
    """Return where an autoencoder's weights are, whether they may be pickled, and which of them are used."""
    entry = autoencoder_settings(autoencoder)
    return {
        "folder": autoencoder_folder(autoencoder),
        "subfolder": entry["subfolder"],
        "quantise": entry["quantise"],
        "trusted_pickle": config["models"][AUTOENCODERS[autoencoder]]["trusted_pickle"],
    }


def loading_settings(autoencoder):
    """Return how an autoencoder is loaded."""
    return weights_settings(autoencoder) | {"precision": autoencoder_settings(autoencoder)["precision"]}


def families():
    """Return the names of the families. Images are reconstructed by one autoencoder of each family."""
    return list(dict.fromkeys(family_of_autoencoders().values()))


def family_of_autoencoders():
    """Return the family of each autoencoder, named after its first autoencoder in the study.

    The families are known once collect_autoencoders is done. In a dry run and under `--until reconstruct_images`,
    nothing waits for it, so the last run's table is used. Autoencoders that are not in it count as families of their
    own; at worst, too many jobs are planned.
    """
    try:
        table = checkpoints.collect_autoencoders.get().output.csv
    except IncompleteCheckpointException:
        if not (workflow.dryrun or "reconstruct_images" in workflow.dag_settings.until):
            raise
        table = rules.collect_autoencoders.output.csv
    family_of = {}
    if Path(table).is_file():
        with open(table, encoding="utf-8", newline="") as file:
            family_of = {row["autoencoder"]: row["family"] for row in csv.DictReader(file)}
    first = {}
    for autoencoder in AUTOENCODERS:
        first.setdefault(family_of.get(autoencoder, autoencoder), autoencoder)
    return {autoencoder: first[family_of.get(autoencoder, autoencoder)] for autoencoder in AUTOENCODERS}


def family_of_model(model):
    """Return the family of a model's autoencoder."""
    return family_of_autoencoders()[autoencoder_of(model)]


def losses_of(sources):
    """Return the losses of sources under every family."""
    return [table for family in families() for source in sources for table in tables_of(f"losses/{family}", source)]


def losses_of_families(wildcards):
    """Return the losses of every source under every family."""
    return losses_of(SOURCES)


def families_of_losses(wildcards):
    """Return the family of each file of `losses_of_families`."""
    return families_of_losses_of(SOURCES)


def families_of_losses_of(sources):
    """Return the family of each file of `losses_of`."""
    return [family for family in families() for source in sources for _ in shards_of(source)]


def signal_figures(wildcards):
    """Return the figures of every family's signals, as a page shows them."""
    return [f"{RESULTS}/plots/signals/{family}.svg" for family in families()]
