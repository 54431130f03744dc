"""Download the weights of one model or one autoencoder from the Hugging Face hub to the resources folder."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def fetch_model(
    needs: Sequence[Mapping[str, Any]], study: Sequence[Mapping[str, Any]], output: str, device: str = "cpu"
) -> None:
    """Fetch and verify the files of `needs` (see aedr.weights); describe them in the JSON file `output`.

    First the hub is asked for everything that the `study` needs, so that a gated repository is noticed before hours of
    downloads. So is a GPU that cannot be used, unless the study's `device` is cpu.
    """
    from aedr import jobs
    from aedr.gpus import refuse_unusable_gpu
    from aedr.weights import repositories

    refuse_unusable_gpu(device, jobs.visible_to_run)
    answers = repositories.check_study(needs, study)
    repositories.fetch([(need, answers[need["folder"]]) for need in needs], output)


if __name__ == "__main__":
    with job(snakemake):
        fetch_model(snakemake.params.needs, snakemake.params.study, snakemake.output[0], snakemake.params.device)
