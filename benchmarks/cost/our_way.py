"""This workflow's functions on the images that `published_scripts.py` made, and what both sides found.

    python our_way.py pictures|alexnet|functions|compare STUDY AUTOENCODERS SOURCES METRICS

STUDY is the folder of a study; the others are lists, with commas.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))

MODELS = Path("demo/models")
FOLDERS = ("vae", "vqvae")


def autoencoder_folder(name: str) -> Path:
    """Return the folder of a demo model's autoencoder."""
    return next(MODELS / name / part for part in FOLDERS if (MODELS / name / part).is_dir())


def table(study: Path, *names: str) -> Path:
    """Return the file of a table that has one shard."""
    return study.joinpath(*names, "00000.parquet")


def write_pictures(study: Path, _: Sequence[str], sources: Sequence[str], metrics: Sequence[str]) -> None:
    """Write the images as PNG files, a folder for each source."""
    from aedr.images.pictures import decode_image, encode_png
    from aedr.tables.files import read_table

    for source in sources:
        folder = study / "pictures" / source
        folder.mkdir(parents=True)
        for image in read_table(table(study, "images", source), "images").itertuples():
            (folder / f"{Path(image.image_id).name}.png").write_bytes(encode_png(decode_image(image.image["bytes"])))


def write_alexnet(study: Path, _: Sequence[str], sources: Sequence[str], metrics: Sequence[str]) -> None:
    """Write an AlexNet with random weights."""
    import torchvision
    from safetensors.torch import save_file

    save_file(torchvision.models.alexnet(weights=None).state_dict(), study / "alexnet.safetensors")


def call_functions(study: Path, autoencoders: Sequence[str], sources: Sequence[str], metrics: Sequence[str]) -> None:
    """Call what the jobs call, one after the other."""
    from measure_homogeneity import measure_homogeneity
    from reconstruct_images import reconstruct_images

    output = str(study / "functions.parquet")
    settings = {"study_seed": 0, "encoding": "mode", "off_grid": "crop", "resize_to": None, "orientations": "stored"}
    for name in autoencoders:
        for source in sources:
            reconstruct_images(
                images=str(table(study, "images", source)),
                histories=str(table(study, "histories", source)),
                output=output,
                loading={"folder": str(autoencoder_folder(name)), "precision": "float32"},
                metrics=metrics,
                lpips_backbone=str(study / "alexnet.safetensors") if "lpips" in metrics else None,
                settings=settings | {"autoencoder": name},
                damage=[],
                cost={"device": "cpu", "batch_size": 12},
            )
    for source in sources:
        measure_homogeneity(str(table(study, "images", source)), output, {"source": source, "by": "image"})


def compare(study: Path, autoencoders: Sequence[str], sources: Sequence[str], metrics: Sequence[str]) -> None:
    """Print how far the results of both sides are from each other."""
    from aedr.tables.files import read_tables

    def published(*names: str) -> dict[str, list[float]]:
        lines = (study / "published" / " ".join(names)).read_text(encoding="utf-8").splitlines()
        return {line.split()[0]: [float(number) for number in line.split()[1:]] for line in lines}

    grey = read_tables([table(study, "homogeneity", source) for source in sources], "homogeneity")
    found = {source: published("homogeneity", source) for source in sources}
    theirs = [found[row.source][Path(row.image_id).name][0] for row in grey.itertuples()]
    print(f"\nlargest difference of a homogeneity: {np.abs(grey['homogeneity'] - theirs).max():.1e}")
    print(f"\n| median relative difference of loss ratios | {' | '.join(metrics)} |\n|---|{'---|' * len(metrics)}")
    for name in autoencoders:
        losses = read_tables([table(study, "losses", name, source) for source in sources], "losses")
        cells = []
        for metric in metrics:
            ours = losses[losses["metric"] == metric]
            found = {source: published(name, source, metric) for source in sources}
            pairs = np.array([found[row.source][Path(row.image_id).name] for row in ours.itertuples()])
            change = pairs[:, 0] / pairs[:, 1] / (ours["first_loss"] / ours["second_loss"]) - 1
            cells.append(f"{np.abs(change).median():.1e}")
        print(f"| {name} | {' | '.join(cells)} |")


PARTS = {"pictures": write_pictures, "alexnet": write_alexnet, "functions": call_functions, "compare": compare}


def main() -> None:
    what, study, *lists = sys.argv[1:]
    PARTS[what](Path(study), *(names.split(",") for names in lists))


if __name__ == "__main__":
    main()
