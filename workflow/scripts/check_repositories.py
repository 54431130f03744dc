"""Ask the Hugging Face hub for every repository of the study, before the first of them is downloaded."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def check_repositories(needs: Sequence[Mapping[str, Any]], resources: str, output: str) -> None:
    """Write to the JSON file `output` the commit and the files of each need (see aedr.weights), by its folder.

    Raises `UserError` with every repository that cannot be used.
    """
    import json
    from pathlib import Path

    from aedr import weights

    answers = weights.check_repositories(needs, resources)
    Path(output).write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        check_repositories(snakemake.params.needs, snakemake.params.resources, snakemake.output[0])
