"""Which of a study's models are the paper's, known by their repositories."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# What the paper reports: facts from its tables, which each file names.
PAPER = Path(__file__).parents[3] / "paper"


def paper_models(models: Mapping[str, Any]) -> dict[str, str]:
    """Return what the paper calls those of the models that it reports on, by their ids.

    A model is known by its repository alone: a local folder may hold anything. Images that a model only decoded are not
    images that it generated, so a model with `decode` is none of the paper's.

    Args:
        models: entries of the configuration.
    """
    with (PAPER / "models.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    # The hub does not distinguish upper and lower case.
    names = {repository.lower(): row["model"] for row in rows for repository in row["repositories"].split()}
    known = {model: names.get((entry["repository"] or "").lower()) for model, entry in models.items()}
    return {model: name for model, name in known.items() if name is not None and models[model]["decode"] is None}
