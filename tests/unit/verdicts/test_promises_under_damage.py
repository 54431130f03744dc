"""What verdicts promise holds for damaged images: one calibration, from untouched images, and other contents."""

import sys
from collections.abc import Iterable
from pathlib import Path

import measure_damage
import pandas as pd
import pytest
import score_damage
import torch
from crop_unseen_photographs import PHOTOGRAPHS, SIZE, shrunk_photograph
from PIL import Image
from scipy.stats import binom

from aedr.autoencoders.loading import load_autoencoder
from aedr.images.pictures import describe_image, encode_png
from aedr.reconstruction.pixels import to_pixels, to_tensor
from aedr.tables.files import write_table

ROOT = Path(__file__).parents[3]
NAME = "demo-tiny"
DAMAGE = ["jpeg-90", "jpeg-75", "shrunk-restored"]


def write_images(folder: Path, photographs: Iterable[Image.Image]) -> None:
    """Write tables of photographs and of what the autoencoder decodes of them."""
    autoencoder = load_autoencoder(ROOT / "demo/models" / NAME, "float32", torch.device("cpu"))
    tensor = to_tensor(list(photographs), torch.device("cpu"))
    with torch.inference_mode():
        decoded = autoencoder.reconstruct(tensor, "mode", [0] * len(tensor))
    for source, pictures in (("photographs", tensor), (NAME, decoded)):
        rows = [
            {"image_id": f"{source}/{number:02d}.png", "source": source} | describe_image(encode_png(pixels), "a.png")
            for number, pixels in enumerate(to_pixels(pictures))
        ]
        write_table(folder / "images" / source / "00000.parquet", "images", rows, {})


@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> dict[str, pd.DataFrame]:
    """Answers about 24 new own images and the photographs that they were decoded from, after each damage."""
    folder = tmp_path_factory.mktemp("damage")
    known = [Image.open(path).convert("RGB") for path in sorted((ROOT / "demo/photographs").glob("*.png"))]
    # In colour: a grey photograph is not denied, whatever it went through.
    new = [
        shrunk_photograph(name, 160) for name in PHOTOGRAPHS if name in ("ihc.png", "motorcycle_left.png", "retina.jpg")
    ]
    crops = [picture.crop((x, y, x + SIZE, y + SIZE)) for picture in new for y in (0, 32, 64, 96) for x in (0, 64)]
    with pytest.MonkeyPatch.context() as patch:
        for module in (measure_damage, score_damage):
            patch.setattr(module, "AUTOENCODERS", (NAME,))
        patch.setattr(measure_damage, "SOURCES", (NAME, "photographs"))
        for study, pictures, damage in (("known", known, ["untouched"]), ("new", crops, DAMAGE)):
            write_images(folder / study, pictures)
            arguments = [str(folder / study), str(folder / "measured" / study), "--images", "72", "--damage", *damage]
            patch.setattr(sys, "argv", ["measure_damage.py", *arguments])
            measure_damage.main()
        calibration = score_damage.calibration_of(folder / "measured/known")
        return {
            damage: score_damage.count_verdicts(calibration, score_damage.read_damage(folder / "measured/new", damage))
            for damage in DAMAGE
        }


@pytest.mark.parametrize("damage", DAMAGE)
def test_own_images_are_rarely_too_far_and_rarely_denied_and_photographs_rarely_given(counted, damage) -> None:
    own, photographs = counted[damage][counted[damage]["own"]], counted[damage][~counted[damage]["own"]]
    assert len(own) == len(photographs) == 24
    # As many as chance explains at the level 0.05, once in a thousand times.
    most = binom.ppf(0.999, 24, 0.05)
    assert (own["p of own"] <= 0.05).sum() <= most and own["none"].sum() <= most
    assert photographs["wrong"].sum() <= most
    # They hold not because everything is near, or far.
    assert own["right"].sum() >= 16 and photographs["p of real"].gt(0.05).mean() > 0.5
