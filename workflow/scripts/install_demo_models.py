"""Copy the trained demo models, in float16, and the demo's photographs to where the demo study reads them."""

from collections.abc import Sequence

from aedr.jobs import job


def install_demo_models(pipelines: Sequence[str], photographs: str, captions: str, folder: str) -> None:
    """Copy to `folder`: each pipeline's folder into models/, `photographs` as photographs/, and the file `captions`.

    Every floating-point tensor of a pipeline's .safetensors files is written as float16. `photographs` and `captions`
    must lie outside `folder`.
    """
    import json
    import shutil
    from pathlib import Path

    import torch
    from safetensors.torch import load_file, save_file

    for pipeline in map(Path, pipelines):
        installed = Path(folder) / "models" / pipeline.name
        shutil.rmtree(installed, ignore_errors=True)
        shutil.copytree(pipeline, installed, ignore=shutil.ignore_patterns(".snakemake_timestamp"))
        for file in installed.rglob("*.safetensors"):
            tensors = {
                name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
                for name, tensor in load_file(file).items()
            }
            save_file(tensors, file, metadata={"format": "pt"})
        for file in installed.rglob("config.json"):
            # diffusers notes here from which folder of the training machine the autoencoder was read.
            config = {key: value for key, value in json.loads(file.read_text()).items() if key != "_name_or_path"}
            file.write_text(json.dumps(config, indent=2) + "\n")
    shutil.rmtree(Path(folder) / "photographs", ignore_errors=True)
    shutil.copytree(photographs, Path(folder) / "photographs", ignore=shutil.ignore_patterns(".snakemake_timestamp"))
    shutil.copyfile(captions, Path(folder) / "captions.csv")


if __name__ == "__main__":
    with job(snakemake):
        install_demo_models(
            snakemake.input.pipelines, snakemake.input.photographs, snakemake.input.captions, snakemake.params.folder
        )
