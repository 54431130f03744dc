"""Copy the trained models that share an autoencoder, in float16, to where studies read them."""

from collections.abc import Sequence

from aedr.jobs import job


def install_demo_members(pipelines: Sequence[str], folder: str) -> None:
    """Copy each pipeline's folder into models/ of `folder`."""
    from pathlib import Path

    from aedr.demo.installation import install_pipeline

    for pipeline in pipelines:
        install_pipeline(Path(pipeline), Path(folder) / "models")


if __name__ == "__main__":
    with job(snakemake):
        install_demo_members(snakemake.input, snakemake.params.folder)
