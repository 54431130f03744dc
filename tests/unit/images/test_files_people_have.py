"""Files as people have them: no metadata costs the pixels, no file is lost, and what was lost of a picture is said."""

import io
import json
import struct
import zlib

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from aedr.errors import TransparentImage, UnusableImage
from aedr.images.existing import describe_existing
from aedr.images.homogeneity import read_grey
from aedr.images.kinds import kind_of
from aedr.images.pictures import decode_image, encode, encode_png, format_of, picture_shape
from aedr.images.plugins import PLUGINS
from aedr.observations.storage import obstacle_of_storage
from aedr.study.image_files import list_images, passed_over
from import_images import import_images

LIMIT = 1_000_000
NOISE = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
PIXELS = np.kron(NOISE, np.ones((8, 8, 1), np.uint8))


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def with_chunk(name: bytes, body: bytes, checksum: int | None = None) -> bytes:
    png = encode_png(PIXELS)
    checksum = zlib.crc32(name + body) if checksum is None else checksum
    return png[:33] + struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum) + png[33:]


def texts(size: int) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "a" * size, zip=True)
    info.add_itxt("workflow", "b" * size, zip=True)
    return info


METADATA = {
    "compressed texts of 20 MB": encoded(Image.fromarray(PIXELS), pnginfo=texts(20_000_000)),
    "a profile of 30 MB": with_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(30_000_000))),
    "a text that is not compressed as it says": with_chunk(b"zTXt", b"k\0\0no zlib stream"),
    "a text with a wrong checksum": with_chunk(b"tEXt", b"k\0v", checksum=1),
    "a damaged EXIF block": with_chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff" + bytes(40)),
    "private data": with_chunk(b"prVt", bytes(2_000_000)),
}


@pytest.mark.parametrize("data", METADATA.values(), ids=METADATA)
def test_metadata_never_cost_the_pixels(data: bytes) -> None:
    assert np.array_equal(decode_image(data, LIMIT), PIXELS)
    assert picture_shape(data) == PIXELS.shape[:2] and format_of(data) == "PNG"
    assert np.array_equal(read_grey(data), read_grey(encode_png(PIXELS)))


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_an_exif_block_that_cannot_be_written_again_does_not_cost_the_pixels(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x9286] = 6, "a comment"
    data = encoded(Image.fromarray(PIXELS), form, exif=exif)
    # The comment is said to be of a type that there is not.
    tag = struct.pack(">HH", 0x9286, 2) if b"MM" in data else struct.pack("<HH", 0x9286, 2)
    damaged = data.replace(tag, tag[:2] + b"\x7f\x7f")
    if form == "PNG":
        start = damaged.index(b"eXIf")
        (length,) = struct.unpack(">I", damaged[start - 4 : start])
        end = start + 4 + length
        damaged = damaged[:end] + struct.pack(">I", zlib.crc32(damaged[start:end])) + damaged[end + 4 :]
    assert damaged != data
    assert decode_image(damaged, LIMIT).shape == (*reversed(PIXELS.shape[:2]), 3)


def test_an_opacity_that_nobody_sees_is_dropped_and_colours_are_the_stored_ones() -> None:
    opacity = np.random.default_rng(1).integers(250, 256, PIXELS.shape[:2], dtype=np.uint8)
    rgba = np.dstack([PIXELS, opacity])
    for form, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        assert np.array_equal(decode_image(encoded(Image.fromarray(rgba), form, **options), LIMIT), PIXELS)
    rgba[0, 0, 3] = 249
    with pytest.raises(TransparentImage):
        decode_image(encoded(Image.fromarray(rgba)), LIMIT)


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_samples_at_the_low_end_of_sixteen_bits_are_scaled_with_a_word_or_refused(bits: int) -> None:
    deep = PIXELS.astype(np.uint16) << (bits - 8)
    grey = encoded(Image.fromarray(deep[..., 0]))
    assert np.array_equal(decode_image(grey, LIMIT)[..., 0], PIXELS[..., 0])
    assert np.array_equal(read_grey(grey), decode_image(grey, LIMIT)[..., 0])
    assert f"only the lowest {bits} bits" in str(obstacle_of_storage(grey, "PNG"))
    for suffix in (".png", ".tiff"):
        _, colour = cv2.imencode(suffix, deep)
        with pytest.raises(UnusableImage, match="lowest bits"):
            decode_image(colour.tobytes(), LIMIT)
        _, colour = cv2.imencode(suffix, PIXELS.astype(np.uint16) << 8)
        assert np.array_equal(decode_image(colour.tobytes(), LIMIT)[..., ::-1], PIXELS)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_is_decoded_and_one_that_lacks_more_is_refused(progressive: bool) -> None:
    data = encoded(Image.fromarray(PIXELS), "JPEG", progressive=progressive)
    cut = {f"{count}.jpg": data[: len(data) - count] for count in (1, 2, 5, 9, 40, len(data) // 2)}
    rows = describe_existing(cut.items(), "query", LIMIT, None)
    assert [row["reason"] is None for row in rows] == [True, True, False, False, False, False]
    assert all("truncated" in row["reason"] for row in rows[2:])
    for row in rows[:2]:
        assert np.array_equal(decode_image(row["image"]["bytes"]), decode_image(data))
    assert len({row["sha256"] for row in rows}) == 6


def test_a_camera_jpeg_with_a_second_picture_is_a_jpeg() -> None:
    second = Image.fromarray(PIXELS[::-1].copy())
    data = encoded(Image.fromarray(PIXELS), "MPO", save_all=True, append_images=[second])
    (row,) = describe_existing([("a.jpg", data)], "query", LIMIT, None)
    assert (row["format"], row["reason"]) == ("JPEG", None)


NO_PICTURES = {
    "the file is empty": b"",
    "a web page": b"\xef\xbb\xbf\n<!-- saved -->\n<!DOCTYPE html><html><body>404</body></html>",
    "a vector drawing": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a video": struct.pack(">I", 24) + b"ftypisom\0\0\2\0isommp41" + bytes(64),
    "a video: save": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01" + bytes(64),
    "a video: save a frame": b"RIFF\x40\0\0\0AVI LIST" + bytes(64),
    "a PDF": b"%PDF-1.7\n" + bytes(64),
    "an archive": b"PK\x03\x04" + bytes(64),
    "a Photoshop document": b"8BPS\0\1" + bytes(64),
    "cannot be decoded": b"a text about a picture",
}


@pytest.mark.parametrize("words", NO_PICTURES)
def test_what_is_no_picture_is_said_to_be_what_it_is(words: str) -> None:
    (row,) = describe_existing([("a.jpg", NO_PICTURES[words])], "query", LIMIT, None)
    assert str(row["reason"]).startswith(words) and row["image"] is None


@pytest.mark.parametrize(("form", "words"), [("HEIF", "HEIC: install pillow-heif"), ("JXL", "JPEG XL: install")])
def test_heic_and_jpeg_xl_are_decoded_by_their_plugin_and_otherwise_refused_by_name(form, words, monkeypatch) -> None:
    for module, register in PLUGINS.values():
        plugin = pytest.importorskip(module)
        if register is not None:
            getattr(plugin, register)()
    data = encoded(Image.fromarray(PIXELS), form, quality=90)
    (row,) = describe_existing([("photo.jpg", data)], "query", LIMIT, None)
    assert (row["format"], row["reason"], row["width"]) == (form, None, 160)
    # Other environments need no plugin.
    assert format_of(row["image"]["bytes"]) == "PNG"
    assert "losses are not measured" in str(obstacle_of_storage(row["image"]["bytes"], form))
    assert "max_pixels" in str(describe_existing([("photo.jpg", data)], "query", 99, None)[0]["reason"])
    monkeypatch.setattr("aedr.images.plugins.PLUGINS", {})
    (row,) = describe_existing([("photo.jpg", data)], "query", LIMIT, None)
    assert str(row["reason"]).startswith(words)
    assert kind_of(data) == row["reason"]


def test_a_window_with_transparent_corners_is_asked_about_as_its_opaque_part_and_a_collage_as_its_parts() -> None:
    opacity = np.full((96, 160), 255, np.uint8)
    opacity[:8, :8] = opacity[-8:, -8:] = 0
    files = [("window.png", encoded(Image.fromarray(np.dstack([PIXELS, opacity]))))]
    smooth = [np.asarray(Image.fromarray(NOISE[i::4]).resize((64, 64))) for i in range(4)]
    files.append(("four ü.png", encode_png(np.vstack([np.hstack(smooth[:2]), np.hstack(smooth[2:])]))))
    rows = describe_existing(files, "query", LIMIT, None, with_parts=True)
    window, part, collage, *parts = rows
    assert "opaque rectangle" in window["reason"] and part["reason"] is None
    left, top, width, height = map(int, part["image_id"].removeprefix("query/window.png#xywh=").split(","))
    assert np.array_equal(decode_image(part["image"]["bytes"]), PIXELS[top : top + height, left : left + width])
    assert collage["reason"] is None and len(parts) == 4
    for part, pixels in zip(parts, smooth, strict=True):
        assert np.array_equal(decode_image(part["image"]["bytes"]), pixels)
    assert parts[3]["image_id"] == "query/four ü.png#xywh=64,64,64,64"
    # A study's own images are what their model put out.
    assert len(describe_existing(files, "real", LIMIT, None)) == 2


def test_a_storage_that_no_decoder_has_is_an_obstacle_and_srgb_by_any_name_is_none() -> None:
    image = Image.fromarray(PIXELS)

    def obstacle(form: str, picture: Image.Image = image, **options: object) -> str | None:
        data = encoded(picture, form, **options)
        return obstacle_of_storage(data, format_of(data))

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    swapped = bytearray(srgb)
    red, green = swapped.index(b"rXYZ"), swapped.index(b"gXYZ")
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    for form in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        assert obstacle(form) is None
    assert obstacle("PNG", icc_profile=srgb) is None
    assert obstacle("PNG", icc_profile=b"damaged") is None
    assert obstacle("PNG", icc_profile=other) is None
    assert "colour profile" in str(obstacle("JPEG", icc_profile=bytes(swapped)))
    assert "palette" in str(obstacle("PNG", image.convert("P"))) and "palette" in str(obstacle("GIF"))
    assert "CMYK" in str(obstacle("TIFF", image.convert("CMYK")))
    assert "inside a TIFF" in str(obstacle("TIFF", compression="jpeg"))
    assert "JPEG 2000" in str(obstacle("JPEG2000"))


def test_the_middle_of_a_picture_with_large_texts_is_cut_out() -> None:
    rows = describe_existing([("a.png", METADATA["compressed texts of 20 MB"])], "real", LIMIT, crop_to=64)
    assert (rows[0]["width"], rows[0]["height"]) == (64, 64)
    assert encode(decode_image(rows[0]["image"]["bytes"]), "PNG")


def test_what_a_study_passes_over_is_counted_named_and_recorded_once_and_a_query_passes_nothing_over(
    tmp_path, capsys
) -> None:
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "b.JPG_large", "c", "sub/notes ü.txt", ".hidden"):
        (folder / name).write_bytes(encode_png(PIXELS))
    # Not an image by its name, so it stops nothing.
    (folder / "broken link").symlink_to("nowhere")
    assert list_images(folder, 99, "k") == ["a.png", "b.JPG_large"]
    assert passed_over(folder) == ["c", "sub/notes ü.txt"]
    (folder / "broken link").unlink()
    assert list_images(folder, 99, "query", any_name=True) == ["a.png", "b.JPG_large", "c", "sub/notes ü.txt"]

    def settings_of(**how: bool) -> dict:
        import_images(str(folder), ["a.png"], "real", str(tmp_path / "t.parquet"), LIMIT, LIMIT, **how)
        return json.loads(pq.read_schema(tmp_path / "t.parquet").metadata[b"aedr.settings"])

    assert settings_of(is_first=True)["passed_over"] == ["c", "sub/notes ü.txt"]
    said = f"real: 2 files in {folder} are not taken for images, by their names: c, sub/notes ü.txt"
    assert said in capsys.readouterr().err
    assert "passed_over" not in settings_of() and "passed_over" not in settings_of(is_first=True, with_parts=True)
    assert "not taken" not in capsys.readouterr().err
