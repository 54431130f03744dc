"""Groups: what belongs together by folders or names, whatever the names are, and where an image's group is written."""

import io

import numpy as np
import pytest
from PIL import Image

from aedr.images.grouping import group_of
from aedr.tables.files import read_table, write_table
from measure_homogeneity import measure_homogeneity


@pytest.mark.parametrize(
    "name, by_folder, by_name",
    [
        ("china_00.png", "china_00.png", "china"),
        ("china-01.png", "china-01.png", "china"),
        ("the great wall_2-3.png", "the great wall_2-3.png", "the great wall_2"),
        ("sub/china_00.png", "sub", "sub/china"),
        ("a_b/c/größe 1_é.png", "a_b/c", "a_b/c/größe 1"),
        ("a_b/whole.png", "a_b", "a_b/whole.png"),
        ("-f/x.png", "-f", "-f/x.png"),
        ("a_.png", "a_.png", "a"),
        # Nothing comes before the mark.
        ("_.png", "_.png", "_.png"),
        ("-rf.png", "-rf.png", "-rf.png"),
        ("sub/_1.png", "sub", "sub/_1.png"),
        ("__1.png", "__1.png", "_"),
        ("00001", "00001", "00001"),
    ],
)
def test_images_are_grouped_by_their_folder_or_by_their_name(name, by_folder, by_name) -> None:
    groups = {by: group_of(f"real/{name}", "real", by) for by in ("image", "folder", "name")}
    assert groups == {"image": f"real/{name}", "folder": f"real/{by_folder}", "name": f"real/{by_name}"}


def test_a_decoded_image_and_a_copy_are_in_the_group_of_their_original() -> None:
    assert group_of("sd/sub/china_00.png", "real", "name") == group_of("real/sub/china_01.png", "real", "name")
    assert group_of("query-restored/64x48/a/b_1.png", "query", "image") == "query/a/b_1.png"


def test_every_image_has_a_group_in_the_table_of_homogeneity_even_one_that_cannot_be_used(tmp_path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(buffer, "PNG")
    rows = [
        {"image_id": "sd/a_1.png", "source": "sd", "image": {"bytes": buffer.getvalue(), "path": "a_1.png"}},
        {"image_id": "sd/a_2.png", "source": "sd", "reason": "cut off"},
    ]
    write_table(tmp_path / "images.parquet", "images", rows, {})
    output = tmp_path / "homogeneity.parquet"
    measure_homogeneity(str(tmp_path / "images.parquet"), str(output), {"source": "real", "by": "name"})
    assert read_table(output, "homogeneity")["group"].tolist() == ["real/a", "real/a"]
