"""Pictures within a picture: collages, frames, captions, pages, and what is opaque of a window."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from aedr.images.pictures import Pixels, decode_image, encode
from aedr.images.regions import Region, find_parts, opaque_region

SIDE = 72


def pictures(count: int, seed: int) -> list[Pixels]:
    """Return smooth pictures, each with a colour of its own."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(cells).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for cells in noise]


def collage(parts: list[Pixels], gap: int, border: int, colour: int) -> Pixels:
    side = 2 * SIDE + gap + 2 * border
    whole = np.full((side, side, 3), colour, np.uint8)
    for region, part in zip(places(gap, border), parts, strict=True):
        region.of(whole)[:] = part
    return whole


def places(gap: int, border: int) -> list[Region]:
    at = (border, border + SIDE + gap)
    return [Region(left, top, SIDE, SIDE) for top in at for left in at]


@pytest.mark.parametrize("quality", [None, 90, 75])
@pytest.mark.parametrize(("gap", "border"), [(0, 0), (8, 0), (8, 8), (16, 24)])
def test_four_pictures_are_found_with_and_without_gaps_also_in_a_jpeg(gap: int, border: int, quality) -> None:
    for seed in range(10):
        whole = collage(pictures(4, seed), gap, border, colour=255)
        if quality is not None:
            whole = decode_image(encode(whole, "JPEG", quality=quality))
        assert find_parts(whole) == places(gap, border), seed


def test_one_picture_has_no_parts_whatever_is_around_what_it_shows() -> None:
    for seed in range(20):
        (picture,) = pictures(1, seed)
        assert find_parts(picture) == []
        shown = np.full((160, 200, 3), 245, np.uint8)
        rows, columns = np.mgrid[:160, :200]
        on_plain_ground = (rows - 80) ** 2 + (columns - 90) ** 2 < 70**2
        shown[on_plain_ground] = np.resize(picture, shown.shape)[on_plain_ground]
        assert find_parts(shown) == []
        framed = np.zeros((3 * SIDE + 4, 3 * SIDE + 4, 3), np.uint8)
        framed[2:-2, 2:-2] = np.asarray(Image.fromarray(picture).resize((3 * SIDE, 3 * SIDE)))
        assert find_parts(framed) == []


def test_a_page_and_a_captioned_picture_give_the_picture_without_the_words() -> None:
    (picture,) = pictures(1, 0)
    page = Image.new("RGB", (480, 400), (250, 250, 250))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 480, 40), fill=(30, 60, 90))
    for row in range(10, 380, 14):
        draw.text((20, row), "lorem ipsum dolor sit amet", fill="black")
    page.paste(Image.fromarray(picture), (301, 101))
    draw.text((301, 190), "a caption", fill="black")
    assert find_parts(np.asarray(page)) == [Region(301, 101, SIDE, SIDE)]
    bar = Image.new("RGB", (SIDE, SIDE + 40), "white")
    bar.paste(Image.fromarray(picture))
    ImageDraw.Draw(bar).text((4, SIDE + 14), "me, on Monday", fill="black")
    assert find_parts(np.asarray(bar)) == [Region(0, 0, SIDE, SIDE)]


def test_frames_within_frames_and_many_pictures_take_no_more_than_they_may() -> None:
    side = 1200
    distance = np.minimum.outer(np.arange(side), np.arange(side))
    frames = np.minimum(distance, distance[::-1, ::-1])
    nested = np.repeat((frames % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    assert find_parts(nested) == []
    sheet = np.full((900, 900, 3), 255, np.uint8)
    for number, picture in enumerate(pictures(81, 1)):
        Region(100 * (number % 9) + 10, 100 * (number // 9) + 10, SIDE, SIDE).of(sheet)[:] = picture
    assert len(find_parts(sheet)) == 16


def test_of_a_window_with_round_corners_a_rectangle_on_the_grid_remains_and_of_a_cut_out_figure_nothing() -> None:
    window = Image.new("L", (640, 400))
    ImageDraw.Draw(window).rounded_rectangle((20, 10, 619, 389), radius=12, fill=255)
    is_opaque = np.asarray(window) > 249
    region = opaque_region(is_opaque)
    assert region is not None and region.of(is_opaque).all()
    assert region.left % 32 == region.top % 32 == 0 and region.width * region.height > 0.85 * is_opaque.sum()
    figure = Image.new("L", (640, 400))
    ImageDraw.Draw(figure).polygon([(0, 0), (60, 0), (639, 399), (579, 399)], fill=255)
    assert opaque_region(np.asarray(figure) > 249) is None
    assert opaque_region(np.zeros((64, 64), bool)) is None
