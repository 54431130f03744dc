"""Every kind of picture ends as pixels with a meaning, or as a row that says why not."""

import io
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from aedr.errors import UnusableImage, UserError
from aedr.images.homogeneity import homogeneity, read_grey
from aedr.images.pictures import decode_image, describe_image, encode_png
from aedr.study.image_files import list_images
from aedr.tables.files import read_table
from import_images import import_images

LIMIT = 10_000
KEY = "image_sets.real.folder"
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def test_png_survives_unchanged() -> None:
    assert np.array_equal(decode_image(encode_png(PIXELS), LIMIT), PIXELS)


def test_opaque_alpha_palette_and_grey_are_what_a_viewer_shows() -> None:
    image = Image.fromarray(PIXELS)
    assert np.array_equal(decode_image(encoded(image.convert("RGBA")), LIMIT), PIXELS)
    palette = image.convert("P")
    assert np.array_equal(decode_image(encoded(palette), LIMIT), np.asarray(palette.convert("RGB")))
    grey = image.convert("L")
    assert np.array_equal(decode_image(encoded(grey), LIMIT), np.asarray(grey.convert("RGB")))


def test_cmyk_jpeg_is_converted() -> None:
    assert decode_image(encoded(Image.fromarray(PIXELS).convert("CMYK"), "JPEG"), LIMIT).shape == PIXELS.shape


@pytest.mark.parametrize("samples", [PIXELS, PIXELS[:, :, 0]], ids=["colour", "grey"])
def test_sixteen_bit_keeps_the_high_byte(samples: np.ndarray) -> None:
    low_byte = np.random.default_rng(1).integers(0, 256, samples.shape)
    _, data = cv2.imencode(".png", (samples.astype(np.uint16) << 8) + low_byte.astype(np.uint16))
    expected = samples[:, :, ::-1] if samples.ndim == 3 else np.repeat(samples[:, :, None], 3, 2)
    assert np.array_equal(decode_image(data.tobytes(), LIMIT), expected)


def test_exif_rotation_is_applied_to_pixels_size_and_grey_alike() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(PIXELS), "JPEG", exif=exif)
    row = describe_image(data, "a.jpg", LIMIT)
    assert (row["width"], row["height"]) == (12, 20)
    assert decode_image(data, LIMIT).shape == (20, 12, 3)
    assert read_grey(data).shape == (20, 12)


def test_a_camera_jpeg_with_a_second_picture_is_its_first() -> None:
    data = encoded(
        Image.new("RGB", (20, 12), "white"), "MPO", save_all=True, append_images=[Image.new("RGB", (20, 12))]
    )
    assert decode_image(data, LIMIT).min() == 255


@pytest.mark.parametrize(
    "data, reason",
    [
        (encode_png(PIXELS)[:-40], "cannot be decoded"),
        (encoded(Image.fromarray(PIXELS), "JPEG")[:-60], "cannot be decoded"),
        (b"", "cannot be decoded"),
        (b"no picture at all", "cannot be decoded"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be decoded"),
        (encoded(Image.new("1", (20_000, 20_000))), "max_pixels"),
        (encoded(Image.new("RGBA", (9, 9), (1, 2, 3, 128))), "transparent"),
        (
            encoded(
                Image.new("RGB", (9, 9)), "GIF", save_all=True, append_images=[Image.new("RGB", (9, 9), (255, 0, 0))]
            ),
            "animated",
        ),
        (
            encoded(
                Image.new("RGB", (9, 9)), "WEBP", save_all=True, append_images=[Image.new("RGB", (9, 9), (255, 0, 0))]
            ),
            "animated",
        ),
        (encoded(Image.new("F", (9, 9)), "TIFF"), "floating-point"),
    ],
    ids=["cut png", "cut jpeg", "empty", "text", "svg", "bomb", "transparent", "gif", "webp", "float"],
)
def test_what_is_no_picture_is_a_row_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnusableImage, match=reason):
        decode_image(data, LIMIT)
    row = describe_image(data, "x", LIMIT)
    assert reason in str(row["reason"]) and row["image"] is None and row["width"] is None and row["sha256"]


def test_a_jpeg_that_takes_long_to_decode_is_refused_and_a_video_behind_one_is_not_looked_at() -> None:
    data = encoded(Image.fromarray(PIXELS), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    assert decode_image(data + b"\xff\xda" * 1000, LIMIT).shape == PIXELS.shape
    assert decode_image(data[:-2] + last_scan * 80 + data[-2:], LIMIT).shape == PIXELS.shape
    with pytest.raises(UnusableImage, match="100 scans"):
        decode_image(data[:-2] + last_scan * 100 + data[-2:], LIMIT)


def test_a_picture_that_opencv_takes_for_another_is_grey_as_pillow_decodes_it(monkeypatch) -> None:
    expected = read_grey(encode_png(PIXELS))
    for misread in (np.zeros((5, 5), np.uint8), None):
        monkeypatch.setattr(cv2, "imdecode", lambda *_, misread=misread: misread)
        assert np.array_equal(read_grey(encode_png(PIXELS)), expected)


def test_of_a_file_that_is_too_large_a_row_remains(tmp_path) -> None:
    data = encode_png(PIXELS)
    for name, content in {"a.png": data, "b.png": data + b"?"}.items():
        (tmp_path / name).write_bytes(content)
    table = tmp_path / "table.parquet"
    import_images(str(tmp_path), ["a.png", "b.png"], "real", str(table), LIMIT, max_bytes=len(data))
    rows = read_table(table, "images")
    assert rows["width"].notna().tolist() == [True, False]
    assert rows["reason"].isna().tolist() == [True, False]
    assert rows["reason"][1] == f"the file is larger than max_bytes ({len(data)})"


def test_homogeneity_of_constant_striped_and_one_pixel_wide_images() -> None:
    assert homogeneity(np.full((8, 8), 77, np.uint8)) == 1
    stripes = np.tile(np.array([0, 8], np.uint8), (8, 4))
    assert homogeneity(stripes) == pytest.approx(0.5)
    with pytest.raises(UnusableImage, match="one pixel wide"):
        homogeneity(np.zeros((8, 1), np.uint8))


def test_grey_of_a_format_that_opencv_refuses_follows_its_formula_for_png() -> None:
    png = encode_png(PIXELS)
    tiff = encoded(Image.fromarray(PIXELS).convert("P", palette=Image.Palette.ADAPTIVE), "TIFF")
    assert read_grey(tiff).shape == PIXELS.shape[:2]
    red, green, blue = PIXELS.astype(int).transpose(2, 0, 1)
    assert np.array_equal(read_grey(png), (9797 * red + 19234 * green + 3737 * blue) >> 15)


def test_images_of_a_folder_are_listed_in_the_order_of_names_hidden_ones_and_others_left_out(tmp_path) -> None:
    for name in ["b.png", "a b ü.JPG", "sub/c.webp", ".hidden/d.png", "._a.png", "notes.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to("b.png")
    assert list_images(tmp_path, 9, KEY) == ["a b ü.JPG", "b.png", "link.png", "sub/c.webp"]
    assert list_images(tmp_path, 2, KEY) == ["a b ü.JPG", "b.png"]
    with pytest.raises(UserError, match="missing"):
        list_images(tmp_path / "missing", 9, KEY)
    (tmp_path / "line\nbreak.png").touch()
    with pytest.raises(UserError, match="Rename"):
        list_images(tmp_path, 9, KEY)


def test_a_folder_is_read_without_leaving_it_hanging_or_losing_an_image(tmp_path) -> None:
    pictures, outside = tmp_path / "pictures", tmp_path / "outside"
    for folder in (pictures, outside):
        folder.mkdir()
        (folder / f"{folder.name}.png").touch()
    os.mkfifo(pictures / "pipe.png")
    (pictures / "folder.png").mkdir()
    (pictures / "device.png").symlink_to("/dev/zero")
    (pictures / "away").symlink_to(outside)
    (pictures / "round").symlink_to(pictures)
    (pictures / "link.png").symlink_to(outside / "outside.png")
    # As macOS names its screenshots, and as others name their folders.
    for name in ["3.45\u202fPM.png", "新しい\u3000写真.png", "👩‍💻.png", "x" * 251 + ".png", "$(touch a);`b`'\".png"]:
        (pictures / name).touch()
    named = ["pictures.png", "link.png", "3.45\u202fPM.png", "新しい\u3000写真.png", "👩‍💻.png"]
    assert list_images(pictures, 99, KEY) == sorted([*named, "x" * 251 + ".png", "$(touch a);`b`'\".png"])
    with pytest.raises(UserError, match="does not exist"):
        list_images(pictures / ("x" * 300), 9, KEY)
    for target in ["nothing.png", "itself.png"]:
        (pictures / "itself.png").symlink_to(target)
        with pytest.raises(UserError, match=r"itself\.png' cannot be read"):
            list_images(pictures, 9, KEY)
        (pictures / "itself.png").unlink()
    (pictures / os.fsdecode(b"\xff.png")).touch()
    with pytest.raises(UserError, match="Rename"):
        list_images(pictures, 9, KEY)
