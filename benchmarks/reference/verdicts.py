"""Verdicts by a real autoencoder: on photographs, on its own decodings, and on images of other models.

The autoencoder is the small one of the reference data, a family of its own. It is calibrated on crops of 128 pixels of
three Kodak photographs and its decodings of them; asked are crops and decodings of the three others, and crops of the
FLUX.1 images, the SDXL images and the JPEG photographs there. Nothing is resized; crops begin on the grid. Then the
calibration is also given the crops of one of the two models, as another source, and asked about the rest.

    python benchmarks/reference/verdicts.py --reference FOLDER [--threads 1]
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support")]

from aedr.autoencoders.fingerprints import fingerprint, used_tensors  # noqa: E402
from aedr.autoencoders.loading import Autoencoder  # noqa: E402
from aedr.images.homogeneity import homogeneity, read_grey  # noqa: E402
from aedr.images.pictures import decode_image, describe_image, encode_png  # noqa: E402
from aedr.reconstruction.losses import LOSSES  # noqa: E402
from aedr.reconstruction.pixels import to_pixels, to_tensor  # noqa: E402
from aedr.reconstruction.shards import ReconstructionSettings, reconstruct_shard  # noqa: E402
from aedr.scoring.signals import compute_signals  # noqa: E402
from aedr.verdicts.attribution import attribute  # noqa: E402
from aedr.verdicts.calibration import Calibration  # noqa: E402
from aedr.verdicts.calibration_file import describe_calibration, reference_rows  # noqa: E402
from aedr.verdicts.decision import CANNOT_SAY, FAMILY, NONE  # noqa: E402
from aedr.verdicts.promise import Promise  # noqa: E402
from taef2 import load_taef2  # noqa: E402

NAME, METRIC, SIGNAL = "taef2", "high_frequency", "residual"
CROP, CROPS_OF_A_LARGE_IMAGE = 128, 12
LEVEL, HELD_OUT = 0.05, 0.5
CPU = torch.device("cpu")


def crops(files: list[Path], source: str, at_most: int, size: int = CROP) -> list[dict[str, object]]:
    """Return rows of an images table: squares of each file, every CROP pixels, `at_most` of them, evenly spread."""
    rows = []
    for file in files:
        picture = decode_image(file.read_bytes())
        places = [
            (top, left)
            for top in range(0, picture.shape[0] - size + 1, CROP)
            for left in range(0, picture.shape[1] - size + 1, CROP)
        ]
        for top, left in places[:: -(-len(places) // at_most)]:
            data = encode_png(picture[top : top + size, left : left + size])
            name = f"{source}/{file.stem}_{top}_{left}"
            rows.append({"image_id": name, "source": source} | describe_image(data, name))
    return rows


def decode(autoencoder: Autoencoder, photographs: list[dict[str, object]], source: str) -> list[dict[str, object]]:
    """Return rows of an images table: each photograph as the autoencoder decodes it, 8 bits, PNG."""
    rows = []
    for row in photographs:
        pixels = decode_image(row["image"]["bytes"])  # type: ignore[index]
        decoded = to_pixels(autoencoder.reconstruct(to_tensor([pixels], CPU), "mode", ()))[0]
        name = f"{source}/{str(row['image_id']).rpartition('/')[2]}"
        rows.append({"image_id": name, "source": source} | describe_image(encode_png(decoded), name))
    return rows


def measure(
    autoencoder: Autoencoder, images: pd.DataFrame, metrics: Sequence[str] = (METRIC,)
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the losses and homogeneity tables of an images table."""
    settings = ReconstructionSettings(0, NAME, "mode", "crop", None, batch_size=8)
    losses = reconstruct_shard(images, autoencoder, {metric: LOSSES[metric] for metric in metrics}, settings, CPU)
    textures = [homogeneity(read_grey(image["bytes"])) for image in images["image"]]
    ids = images[["image_id", "source"]]
    return pd.DataFrame(losses), ids.assign(group=images["image_id"], homogeneity=textures, reason=None)


def autoencoders_table(autoencoder: Autoencoder) -> pd.DataFrame:
    """Return the autoencoders table of this one."""
    encoder, decoder = (fingerprint(part) for part in used_tensors(autoencoder))
    family = {"autoencoder": NAME, "family": NAME, "encoder_sha256": encoder, "decoder_sha256": decoder}
    return pd.DataFrame([family | {"factor": autoencoder.factor, "repository": None, "revision": None}])


def verdicts(reference: Path) -> dict[str, pd.DataFrame]:
    """Return the verdicts on every image asked, with its `source`: own, photographs, flux, sdxl or real.

    One table for each calibration: without images of other models, and with those of each.
    """
    autoencoder = load_taef2(reference)
    kodak = sorted((reference / "photographs").glob("*.png"))
    known = crops(kodak[::2], "photographs", 24)
    unseen = crops(kodak[1::2], "unseen photographs", 24)
    asked = [*unseen, *decode(autoencoder, unseen, "unseen own")]
    for source in ("flux", "sdxl", "real"):
        asked += crops(sorted((reference / "images" / source).iterdir()), source, CROPS_OF_A_LARGE_IMAGE)
    images = pd.DataFrame([*known, *decode(autoencoder, known, "own"), *asked])
    losses, homogeneity = measure(autoencoder, images)

    signals, fitted = compute_signals(losses, homogeneity, {"own"}, HELD_OUT)
    description = describe_calibration(
        autoencoders_table(autoencoder),
        fitted,
        [METRIC],
        SIGNAL,
        ["photographs"],
        {NAME: {"off_grid": "crop"}},
        {},
    )
    rows = reference_rows(signals, METRIC, SIGNAL, ["photographs"])
    found = {}
    for title, others in {
        "photographs": [],
        "photographs and FLUX.1": ["flux"],
        "photographs and SDXL": ["sdxl"],
    }.items():
        known_sources = ["own", "photographs", *others]
        carried = Calibration(description, rows[rows["source"].isin(known_sources)], {NAME: NAME})
        new = images[~images["source"].isin(known_sources)]
        answers = attribute(new, losses, homogeneity, carried, carried.reference(Promise(LEVEL)))
        found[title] = answers.merge(new[["image_id", "source"]], on="image_id")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--reference", type=Path, default=os.environ.get("AEDR_REFERENCE"), help="the reference data")
    parser.add_argument("--threads", type=int, default=1, help="threads (default %(default)s)")
    arguments = parser.parse_args()
    if arguments.reference is None:
        parser.error("name the folder of the reference data with --reference, or by AEDR_REFERENCE")
    torch.set_num_threads(arguments.threads)
    print(
        f"| calibrated on own images and | asked about | images | {FAMILY} | {NONE} | {CANNOT_SAY} |\n"
        "|---|---|---|---|---|---|"
    )
    for title, answers in verdicts(Path(arguments.reference)).items():
        for source, rows in answers.groupby("source", sort=False):
            counts = rows["verdict"].value_counts()
            shown = " | ".join(str(counts.get(verdict, 0)) for verdict in (FAMILY, NONE, CANNOT_SAY))
            print(f"| {title} | {source} | {len(rows)} | {shown} |")
        for reason, count in answers["reason"].value_counts().items():
            print(f"{title}: {count} x {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
