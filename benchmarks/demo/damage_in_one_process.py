"""Make a study's damaged images and their losses in one process, by the rules' own script functions.

A job of the embedded study is mostly imports, which are paid once here. The tables lie where the workflow looks for
them, so that it finds nothing left to do but to score them. For finished studies with one shard a source on the CPU,
whose autoencoders lie in local folders.

    python benchmarks/demo/damage_in_one_process.py CONFIG [CONFIG ...]

CONFIG are configurations laid over each other, the last with `transforms`. `make demo-damage` runs it.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from snakemake.utils import update_config

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts")]

from aedr.study.configuration import check_configuration, complete_configuration  # noqa: E402
from aedr.study.plan import all_transforms, count_images, grouping  # noqa: E402
from aedr.study.transform_steps import is_searched, keeps_size, picture_steps  # noqa: E402
from measure_homogeneity import measure_homogeneity  # noqa: E402
from read_histories import read_histories  # noqa: E402
from reconstruct_images import reconstruct_images  # noqa: E402
from transform_images import transform_images  # noqa: E402

SHARD = "00000.parquet"


def read_configuration(files: list[str]) -> dict[str, Any]:
    """Return the configurations laid over each other, checked and with their defaults."""
    study: dict[str, Any] = {}
    for file in files:
        update_config(study, yaml.safe_load(Path(file).read_text()))
    study = complete_configuration(study, ROOT / "workflow/schemas/config.schema.yaml")
    check_configuration(study)
    return study


def reconstruct(
    study: dict[str, Any], images: Path, output: Path, name: str, off_grid: str, steps: Sequence[Mapping[str, Any]]
) -> None:
    """Write the losses of a table of images under the autoencoder `name`."""
    model = study["models"][name]
    autoencoder = model["autoencoder"]
    loading = {"folder": model["path"], "trusted_pickle": model["trusted_pickle"]}
    settings = {"study_seed": 0, "autoencoder": name, "encoding": "mode", "off_grid": off_grid, "resize_to": None}
    histories = output.parents[2] / "histories" / output.parent.name / SHARD
    if not histories.exists():
        read_histories(str(images), str(histories), None)
    reconstruct_images(
        str(images),
        str(histories),
        str(output),
        loading | {key: autoencoder[key] for key in ("subfolder", "precision", "quantise")},
        study["reconstruction"]["metrics"],
        None,
        settings | {"orientations": study["reconstruction"]["orientations"]},
        steps if keeps_size(steps) else [],
        {"device": "cpu", "batch_size": autoencoder["batch_size"]},
    )


def main() -> None:
    torch.set_num_threads(1)
    study = read_configuration(sys.argv[1:])
    results = Path(study["results"])
    for transform, steps in all_transforms(study).items():
        off_grid = "search" if is_searched(steps) else study["reconstruction"]["off_grid"]
        for source in count_images(study):
            name = f"{source}.{transform}"
            images, homogeneity = (results / kind / name / SHARD for kind in ("images", "homogeneity"))
            if not images.exists():
                transform_images(
                    str(results / "images" / source / SHARD),
                    str(images),
                    transform,
                    picture_steps(steps),
                    study["seed"],
                    study["max_pixels"],
                )
            if not homogeneity.exists():
                measure_homogeneity(str(images), str(homogeneity), grouping(study, name))
            for autoencoder in study["models"]:
                losses = results / "losses" / autoencoder / name / SHARD
                if not losses.exists():
                    reconstruct(study, images, losses, autoencoder, off_grid, picture_steps(steps))


if __name__ == "__main__":
    main()
