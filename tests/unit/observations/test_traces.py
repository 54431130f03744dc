"""What a picture went through, from its pixels and its file alone; and nothing where there is no trace."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aedr.images.pictures import decode_image, encode_png
from aedr.observations.history import DECODED_JPEG, JPEG, PIXELS, RECODED, History, describe, read_history
from aedr.observations.jpeg_files import read_coefficients
from aedr.observations.jpeg_traces import find_first_quality, find_jpeg, first_jpeg, standard_tables
from aedr.observations.observing import observe
from aedr.observations.resize_traces import find_enlargement, lacks_detail
from aedr.verdicts.resizes import copies, shrink_back

PHOTOGRAPHS = sorted((Path(__file__).parents[3] / "demo/photographs").glob("*_0[05].png"))


def pixels_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def encoded(pixels: np.ndarray, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def test_pictures_that_were_never_compressed_or_resized_show_no_trace() -> None:
    assert len(PHOTOGRAPHS) == 12
    for path in PHOTOGRAPHS:
        assert find_jpeg(pixels_of(path)) is None and find_enlargement(pixels_of(path)) is None


@pytest.mark.parametrize("quality, subsampling", [(90, "4:4:4"), (75, "4:2:0"), (60, "4:2:2")])
@pytest.mark.parametrize("rows, columns", [(0, 0), (3, 5)])
def test_the_jpeg_that_pixels_come_from_is_found_with_its_grid_its_tables_and_its_coefficients(
    quality, subsampling, rows, columns
) -> None:
    found = 0
    for path in PHOTOGRAPHS[::3]:
        data = encoded(pixels_of(path), "JPEG", quality=quality, subsampling=subsampling)
        trace = find_jpeg(decode_image(data)[rows:, columns:])
        assert trace is not None and (trace.rows % 8, trace.columns % 8) == (rows, columns)
        found += trace.quality == quality
        file = read_coefficients(data)
        if (rows, columns) == (0, 0) and trace.quality == quality and trace.file.sampling == file.sampling:
            for ours, theirs in zip(trace.file.planes, file.planes, strict=True):
                assert (ours == theirs).mean() > 0.95
    assert found >= 3


def test_the_first_of_two_compressions_is_found_if_it_was_the_stronger_one() -> None:
    for path in PHOTOGRAPHS[::2]:
        first = encoded(pixels_of(path), "JPEG", quality=60)
        twice = read_coefficients(encoded(decode_image(first), "JPEG", quality=90))
        found = find_first_quality(twice)
        assert found is not None and abs(found - 60) <= 1
        assert (first_jpeg(twice, found).planes[0] == read_coefficients(first).planes[0]).mean() > 0.98
        assert find_first_quality(read_coefficients(first)) is None


@pytest.mark.parametrize("filter", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("scale", [1.25, 1.5, 2])
def test_an_enlargement_is_found_and_undone(filter, scale) -> None:
    found = 0
    for path in PHOTOGRAPHS[::3]:
        pixels = pixels_of(path)
        size = round(64 * scale)
        enlarged = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling[filter.upper()]))
        trace = find_enlargement(enlarged)
        if trace is not None and trace.filter is not None:
            assert (trace.width, trace.height, trace.filter) == (64, 64, filter)
            back = shrink_back(enlarged, (64, 64), filter).astype(int)
            assert np.abs(back - pixels).mean() < 0.6
            found += 1
    assert found >= 3


def test_a_picture_that_may_have_been_resized_without_a_trace_lacks_detail_and_a_photograph_does_not() -> None:
    lacking = [path.stem for path in PHOTOGRAPHS if lacks_detail(pixels_of(path))]
    assert lacking == ["chelsea_05"]  # out of focus
    smooth = np.asarray(Image.fromarray(pixels_of(PHOTOGRAPHS[3])).resize((192, 192), Image.Resampling.BICUBIC))
    for scale in (0.6, 0.75):
        small = Image.fromarray(smooth).resize((round(192 * scale),) * 2, Image.Resampling.LANCZOS)
        restored = np.asarray(small.resize((192, 192), Image.Resampling.BICUBIC))
        history = read_history(encode_png(restored), "PNG", restored)
        assert lacks_detail(restored) and history.without_detail and History.from_json(history.to_json()) == history
    # If the resize is proved, it is undone.
    enlarged = np.asarray(Image.fromarray(pixels_of(PHOTOGRAPHS[3])).resize((96, 96), Image.Resampling.LANCZOS))
    (copy,) = copies(encode_png(enlarged), enlarged, History(PIXELS, "PNG", without_detail=True), [(64, 64)])
    assert copy.history.enlarged_from == (64, 64) and not copy.history.without_detail


@pytest.mark.parametrize(
    "format, quality, options, within",
    [
        ("WEBP", 80, {}, 10),
        ("WEBP", 50, {}, 10),
        ("AVIF", 80, {"subsampling": "4:2:0"}, 3),
        ("AVIF", 50, {"subsampling": "4:4:4"}, 3),
    ],
)
def test_the_quality_of_another_codec_is_estimated_from_the_size_of_its_file(format, quality, options, within) -> None:
    pixels = pixels_of(PHOTOGRAPHS[3])
    data = encoded(pixels, format, quality=quality, **options)
    history = read_history(data, format, decode_image(data))
    assert history.kind == RECODED and abs((history.quality or 0) - quality) <= within
    assert history.subsampling == options.get("subsampling") and History.from_json(history.to_json()) == history
    lossless = encoded(pixels, "WEBP", lossless=True)
    assert read_history(lossless, "WEBP", decode_image(lossless)).kind == PIXELS


def test_histories_are_said_in_words_and_survive_their_text() -> None:
    rows = [np.hstack([pixels_of(path) for path in PHOTOGRAPHS[at : at + 3]]) for at in (0, 3, 6)]
    pixels = np.vstack(rows)
    jpeg = encoded(pixels, "JPEG", quality=75)
    cut = encode_png(decode_image(jpeg)[3:, 5:])
    twice = encoded(decode_image(jpeg), "JPEG", quality=95)
    expected = {
        encode_png(pixels): (PIXELS, "PNG", "pixels stored without loss"),
        jpeg: (JPEG, "JPEG", "a JPEG of quality 75"),
        cut: (
            DECODED_JPEG,
            "PNG",
            "a JPEG of quality 75, stored as PNG after a cut off its grid (by 3 rows and 5 columns)",
        ),
        twice: (JPEG, "JPEG", "a JPEG of quality 95, made from one of quality 75"),
    }
    for data, (kind, format, words) in expected.items():
        history = read_history(data, format, decode_image(data))
        assert history.kind == kind and describe(history) == words
        assert History.from_json(history.to_json()) == history
    pixels = pixels_of(PHOTOGRAPHS[3])
    enlarged = np.asarray(Image.fromarray(pixels).resize((96, 96), Image.Resampling.LANCZOS))
    (copy,) = copies(encode_png(enlarged), enlarged, History(PIXELS, "PNG"), [(64, 64)])
    assert copy.pixels.shape == (64, 64, 3) and copy.stored == encode_png(enlarged)
    assert describe(copy.history) == "pixels stored without loss, enlarged from 64x64 (lanczos)"
    assert History.from_json(copy.history.to_json()) == copy.history
    shrunk = np.asarray(Image.fromarray(pixels).resize((48, 48), Image.Resampling.LANCZOS))
    (copy,) = copies(encode_png(shrunk), shrunk, History(PIXELS, "PNG"), [(64, 64)])
    assert copy.history.resizes == ((64, 64, "lanczos"),) and copy.stored == encode_png(shrunk)
    back = np.asarray(Image.fromarray(shrunk).resize((64, 64), Image.Resampling.BICUBIC))
    (copy,) = copies(encode_png(back), back, History(PIXELS, "PNG"), [(64, 64)])
    assert copy.history.resizes == ((48, 48, "bicubic"), (64, 64, "lanczos"))
    assert describe(copy.history).endswith("enlarged from 48x48 (bicubic), perhaps resized from 64x64")


def test_a_picture_found_in_pixels_is_observed_as_its_file_is() -> None:
    pixels = pixels_of(PHOTOGRAPHS[3])
    jpeg = encoded(pixels, "JPEG", quality=75)
    shown = decode_image(jpeg)
    stored = encode_png(shown)
    of_file = observe(jpeg, shown, read_history(jpeg, "JPEG", shown), (0, 0, 64, 64))
    of_pixels = observe(stored, shown, read_history(stored, "PNG", shown), (0, 0, 64, 64))
    same = of_file.distances(of_file.seen).observed, of_pixels.distances(of_file.seen).observed
    assert same[1].item() == pytest.approx(same[0].item(), abs=0.3)


def test_standard_tables_are_those_of_libjpeg() -> None:
    assert standard_tables(50)[0, 0].tolist() == [16, 11, 10, 16, 24, 40, 51, 61]
    assert (standard_tables(100) == 1).all()
