"""The middle of large pictures: what is kept is kept exactly."""

import io

import numpy as np
import pytest
from PIL import Image

from aedr.images.cropping import GRID, middle_of
from aedr.images.pictures import decode_image, encode, format_of
from aedr.observations.jpeg_files import read_coefficients
from aedr.tables.files import read_table
from import_images import import_images

NOISE = np.random.default_rng(3)
# Cut to 192 pixels, both begin at 64; the last block of the shorter side is not whole.
PICTURE = np.kron(NOISE.integers(0, 256, (41, 82, 3), dtype=np.uint8), np.ones((5, 5, 1), np.uint8))[:203]
KEPT = (slice(0, 192), slice(64, 256))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_keeps_its_coefficients_and_its_orientation(subsampling: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(PICTURE, "JPEG", quality=85, subsampling=subsampling, exif=exif)
    cut = middle_of(data, 192)
    before, after = read_coefficients(data), read_coefficients(cut)
    assert (after.height, after.width, after.sampling) == (192, 192, before.sampling)
    np.testing.assert_array_equal(after.steps, before.steps)
    for kept, whole, (down, across) in zip(after.planes, before.planes, before.sampling, strict=True):
        rows, columns = 24 // down, 24 // across
        np.testing.assert_array_equal(kept, whole[:rows, 8 // across : 8 // across + columns])
    with Image.open(io.BytesIO(cut)) as image:
        assert image.getexif()[0x0112] == 6


@pytest.mark.parametrize("format", ["PNG", "TIFF", "CMYK"])
def test_other_pictures_keep_their_pixels(format: str) -> None:
    if format == "CMYK":
        buffer = io.BytesIO()
        Image.fromarray(PICTURE).convert("CMYK").save(buffer, "JPEG", quality=95)
        data = buffer.getvalue()
    else:
        data = encode(PICTURE, format)
    cut = middle_of(data, 192)
    assert format_of(cut) == "PNG"
    np.testing.assert_array_equal(decode_image(cut), decode_image(data)[KEPT])


def test_pictures_that_are_not_larger_stay_as_they_are() -> None:
    assert middle_of(encode(PICTURE[:GRID, :GRID], "PNG"), GRID) is None
    tall = decode_image(middle_of(encode(PICTURE[:, :100], "PNG"), 192))
    np.testing.assert_array_equal(tall, PICTURE[:192, :100])


def test_an_import_says_how_many_images_it_cut_and_keeps_the_hash_of_the_file(tmp_path, capsys) -> None:
    for name, pixels in {"large.jpg": PICTURE, "small.png": PICTURE[:64, :64]}.items():
        Image.fromarray(pixels).save(tmp_path / name)
    whole, cut = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    names = ["large.jpg", "small.png"]
    import_images(str(tmp_path), names, "real", str(whole), 10**6, 10**6)
    assert "middle" not in capsys.readouterr().err
    import_images(str(tmp_path), names, "real", str(cut), 10**6, 10**6, crop_to=192)
    said = "Warning: real: of 1 of 2 images only the middle is used, since they are larger than crop_to (192)"
    assert said in capsys.readouterr().err
    before, after = read_table(whole, "images"), read_table(cut, "images")
    assert after["sha256"].tolist() == before["sha256"].tolist()
    assert after[["height", "width"]].values.tolist() == [[192, 192], [64, 64]]
    assert after["format"].tolist() == before["format"].tolist() == ["JPEG", "PNG"]
    assert after["image"][1] == before["image"][1]
