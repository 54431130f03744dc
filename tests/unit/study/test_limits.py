"""A changed limit makes nothing again, and is told where it would have mattered."""

import io

import numpy as np
import pytest
from PIL import Image

from aedr.study.limits import changed_limits
from import_images import import_images

LIMITS = {"max_pixels": 1000, "max_bytes": 5000}


@pytest.fixture
def table(tmp_path) -> str:
    """A table of pictures of 400 and 900 pixels; one of 1600 pixels and a file of 6000 bytes are refused."""
    (tmp_path / "pictures").mkdir()
    noise = np.random.default_rng(0)
    for side in (20, 30, 40):
        picture = Image.fromarray(noise.integers(0, 256, (side, side, 3), dtype=np.uint8))
        picture.save(tmp_path / f"pictures/{side}.png")
    buffer = io.BytesIO()
    picture.resize((10, 10)).save(buffer, "PNG")
    (tmp_path / "pictures/large.png").write_bytes(buffer.getvalue() + bytes(6000))
    names = ["20.png", "30.png", "40.png", "large.png"]
    import_images(str(tmp_path / "pictures"), names, "real", str(tmp_path / "images.parquet"), **LIMITS)
    return str(tmp_path / "images.parquet")


@pytest.mark.parametrize(
    "changes, told",
    [
        ({}, None),
        # Nothing lies between the old limit and the new one.
        ({"max_pixels": 950}, None),
        ({"max_pixels": 2000}, "1 of its images stay refused"),
        ({"max_pixels": 500}, "1 of its images stay accepted"),
        ({"max_bytes": 9000}, "1 of its images stay refused"),
        ({"max_bytes": 2000}, "1 of its images stay accepted"),
        ({"max_bytes": 4000}, None),
    ],
)
def test_it_is_told_where_other_pictures_would_be_taken(table, changes, told) -> None:
    lines = list(changed_limits([table, "missing.parquet"], LIMITS | changes))
    assert len(lines) == (told is not None)
    if told:
        assert told in lines[0] and table in lines[0] and "delete the file" in lines[0]


def test_a_damaged_table_is_left_to_the_job_that_reads_it(table, tmp_path) -> None:
    damaged = tmp_path / "damaged.parquet"
    with open(table, "rb") as file:
        damaged.write_bytes(file.read()[:-100])
    lines = list(changed_limits([damaged, table], LIMITS | {"max_pixels": 2000}))
    assert len(lines) == 1 and table in lines[0]
