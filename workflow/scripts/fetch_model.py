"""Download the weights of one model or one autoencoder from the Hugging Face hub to the resources folder."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def fetch_model(needs: Sequence[Mapping[str, Any]], study: Sequence[Mapping[str, Any]], output: str) -> None:
    """Fetch and verify the files of `needs` (see aedr.weights); describe them in the JSON file `output`.

    First the hub is asked for everything that the `study` needs, so that a gated repository is noticed before hours of
    downloads.
    """
    from aedr.weights import repositories

    own = {need["folder"] for need in needs}
    others = [need for need in study if need["folder"] not in own and not repositories.is_fetched(need)]
    answers = repositories.check_repositories([*needs, *others])
    repositories.fetch([(need, answers[need["folder"]]) for need in needs], output)


if __name__ == "__main__":
    with job(snakemake):
        fetch_model(snakemake.params.needs, snakemake.params.study, snakemake.output[0])
