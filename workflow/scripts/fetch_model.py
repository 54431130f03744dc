"""Bring the weights of one model, or of one autoencoder alone, from the Hugging Face hub to the resources folder."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def fetch_model(needs: Sequence[Mapping[str, Any]], answers: str, resources: str, output: str) -> None:
    """Fetch and verify the files of `needs` (see aedr.weights); write what they are to the JSON file `output`.

    `answers` is the file that check_repositories wrote.
    """
    import json
    from pathlib import Path

    from aedr import weights

    known = json.loads(Path(answers).read_text(encoding="utf-8"))
    weights.fetch([(need, known[need["folder"]]) for need in needs], resources, output)


if __name__ == "__main__":
    with job(snakemake):
        fetch_model(snakemake.params.needs, snakemake.input[0], snakemake.params.resources, snakemake.output[0])
