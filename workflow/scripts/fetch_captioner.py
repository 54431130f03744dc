"""Download an image-to-text model of transformers and its processor to a folder; only safetensors weights."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def fetch_captioner(repository: str, revision: str | None, study: Sequence[Mapping[str, Any]], output: str) -> None:
    """Download `repository` at `revision` (None: the newest) to the folder `output`, if all that `study` needs is open.

    Raises `UserError` if the repository contains no safetensors weights.
    """
    from aedr.study.needs import prompt_model_need
    from aedr.weights.repositories import fetch_prompt_model

    fetch_prompt_model(prompt_model_need("captioner", repository, revision, output), study)


if __name__ == "__main__":
    with job(snakemake):
        fetch_captioner(
            snakemake.params.repository, snakemake.params.revision, snakemake.params.study, snakemake.output[0]
        )
