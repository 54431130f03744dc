"""Copy the trained demo models, in float16, and the demo's photographs to where the demo study reads them."""

from collections.abc import Sequence

from aedr.jobs import job


def install_demo_models(pipelines: Sequence[str], photographs: str, captions: str, folder: str) -> None:
    """Copy to `folder`: each pipeline's folder into models/, `photographs` as photographs/, and the file `captions`.

    Every floating-point tensor of a pipeline's .safetensors files is written as float16. `photographs` and `captions`
    must lie outside `folder`.
    """
    import shutil
    from pathlib import Path

    from aedr.demo.installation import install_pipeline

    for pipeline in pipelines:
        install_pipeline(Path(pipeline), Path(folder) / "models")
    shutil.rmtree(Path(folder) / "photographs", ignore_errors=True)
    shutil.copytree(photographs, Path(folder) / "photographs", ignore=shutil.ignore_patterns(".snakemake_timestamp"))
    shutil.copyfile(captions, Path(folder) / "captions.csv")


if __name__ == "__main__":
    with job(snakemake):
        install_demo_models(
            snakemake.input.pipelines, snakemake.input.photographs, snakemake.input.captions, snakemake.params.folder
        )
