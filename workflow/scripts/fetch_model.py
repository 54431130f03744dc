"""Bring the weights of one model, or of one autoencoder alone, from the Hugging Face hub to the resources folder."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def fetch_model(needs: Sequence[Mapping[str, Any]], study: Sequence[Mapping[str, Any]], output: str) -> None:
    """Fetch and verify the files of `needs` (see aedr.weights); write what they are to the JSON file `output`.

    All that the `study` needs is asked for first, so that a gated repository is known before hours of downloads.
    """
    from aedr.weights import repositories

    own = {need["folder"] for need in needs}
    others = [need for need in study if need["folder"] not in own and not repositories.is_fetched(need)]
    answers = repositories.check_repositories([*needs, *others])
    repositories.fetch([(need, answers[need["folder"]]) for need in needs], output)


if __name__ == "__main__":
    with job(snakemake):
        fetch_model(snakemake.params.needs, snakemake.params.study, snakemake.output[0])
