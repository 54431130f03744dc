"""The sizes that an image may have been resized from: every resize is found, and another shape is not taken for one."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from aedr.study.sources import original_id, restored_id
from aedr.verdicts.resizes import common_sizes, likely_sizes

SIDES = st.integers(64, 2048)


@given(SIDES, SIDES, st.floats(0.1, 4))
def test_a_resize_to_whole_pixels_leads_back(width, height, scale) -> None:
    resized = (round(width * scale), round(height * scale))
    assert likely_sizes(*resized, {(width, height)}) == ([(width, height)] if resized != (width, height) else [])


def test_another_shape_is_no_resize() -> None:
    common = {(512, 512), (1024, 1024), (768, 512)}
    assert likely_sizes(640, 640, common) == [(512, 512), (1024, 1024)]
    assert likely_sizes(512, 512, common) == [(1024, 1024)]
    assert likely_sizes(1200, 800, common) == [(768, 512)]
    assert likely_sizes(640, 480, common) == []


def test_a_size_that_few_own_images_have_is_not_likely() -> None:
    own = pd.DataFrame({"width": [512] * 9 + [100], "height": [512] * 9 + [64]})
    assert common_sizes(own) == {(512, 512), (100, 64)}
    assert common_sizes(pd.concat([own, own[:1]])) == {(512, 512)}


@given(st.text(min_size=1), SIDES, SIDES)
def test_a_copy_knows_its_original(name, width, height) -> None:
    image_id = f"query/{name}"
    copy = restored_id(image_id, width, height)
    assert copy != image_id and original_id(copy) == image_id == original_id(image_id)
