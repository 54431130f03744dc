"""Download an image-to-text model of transformers and its processor to a folder; only safetensors weights."""

from aedr.jobs import job

PATTERNS = ("*.json", "*.txt", "*.model", "model*.safetensors")


def fetch_captioner(repository: str, revision: str | None, output: str) -> None:
    """Download `repository` at `revision` (None: the newest) to the folder `output`.

    Raises `UserError` if the repository contains no safetensors weights.
    """
    from pathlib import Path

    from aedr.errors import UserError
    from aedr.weights.hub import download, fetching

    with fetching(output) as folder:
        download(repository, revision, PATTERNS, folder, "prompts: captioner")
        if not any(Path(folder).glob("model*.safetensors")):
            raise UserError(
                f"prompts: captioner: {repository} holds no model*.safetensors, and weights load from safetensors "
                "only. Choose another repository or revision, or name a local folder with prompts: captioner: path."
            )


if __name__ == "__main__":
    with job(snakemake):
        fetch_captioner(snakemake.params.repository, snakemake.params.revision, snakemake.output[0])
