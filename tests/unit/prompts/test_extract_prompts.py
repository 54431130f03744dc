"""Prompts extracted from the pictures of an image set."""

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import embed_vocabulary
import extract_prompts
from aedr.errors import UserError
from aedr.images.pictures import Pixels, describe_image, encode_png
from aedr.prompts.captioning import Captioner, load_captioner
from aedr.prompts.clip import Clip
from aedr.tables.files import read_table, write_table
from phrases_and_pictures import draw_pictures

CPU = torch.device("cpu")


def write_images(folder: Path, pictures: Mapping[str, Pixels | None], shard: int = 100) -> list[str]:
    """Write image tables of the set `real`; a picture None has no pixels but a reason."""
    rows = []
    for name, pixels in pictures.items():
        data = b"not a picture" if pixels is None else encode_png(pixels)
        rows.append({"image_id": f"real/{name}", "source": "real", **describe_image(data, name, 10**6)})
    paths = []
    for start in range(0, len(rows), shard):
        paths.append(str(folder / f"{start:05d}.parquet"))
        write_table(paths[-1], "images", rows[start : start + shard], {})
    return paths


@pytest.fixture
def extraction(clip_folder: Path, vocabulary_folder: Path, tmp_path: Path) -> dict[str, object]:
    """What a job of extract_prompts is given, for six pictures with captions in a file."""
    pictures = {f"{number}.png": pixels for number, pixels in enumerate(draw_pictures(6))}
    embed_vocabulary.embed_vocabulary(
        str(vocabulary_folder), str(clip_folder), str(tmp_path / "vocabulary.parquet"), "cpu"
    )
    captions = tmp_path / "captions.csv"
    captions.write_text("file,caption\n" + "".join(f"{name},caption of {name[0]}\n" for name in reversed(pictures)))
    return {
        "images": write_images(tmp_path, pictures),
        "vocabulary": str(tmp_path / "vocabulary.parquet"),
        "clip": str(clip_folder),
        "captioner": None,
        "captions": str(captions),
        "output": str(tmp_path / "prompts.parquet"),
        "cost": {"device": "cpu", "batch_size": 4},
    }


def extract(extraction: dict[str, object], **changes: object) -> pd.DataFrame:
    settings = extraction | changes
    extract_prompts.extract_prompts(**settings)  # type: ignore[arg-type]
    return read_table(str(settings["output"]), "prompts")


def test_every_picture_gives_one_prompt_in_order_with_its_own_caption(extraction: dict[str, object]) -> None:
    table = extract(extraction)
    assert list(table["prompt_id"]) == ["00000", "00001", "00002", "00003", "00004", "00005"]
    assert list(table["image_id"]) == [f"real/{number}.png" for number in range(6)]
    assert list(table["caption"]) == [f"caption of {number}" for number in range(6)]
    assert all(row.prompt.startswith(f"{row.caption}, ") for row in table.itertuples())


@pytest.mark.parametrize("batch_size", [1, 5, 6, 7])
def test_the_file_is_the_same_byte_for_byte_whatever_the_batch(
    extraction: dict[str, object], tmp_path: Path, batch_size: int
) -> None:
    extract(extraction)
    extract(extraction, output=str(tmp_path / "again.parquet"), cost={"device": "cpu", "batch_size": batch_size})
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "prompts.parquet").read_bytes()


def test_pictures_that_do_not_fit_are_captioned_and_embedded_in_smaller_batches(
    extraction: dict[str, object], captioner_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = {"captions": None, "captioner": str(captioner_folder)}
    expected = extract(extraction, **sources)
    sizes = []
    for work in (Clip.embed_images, Captioner.caption):

        def failing(self: Any, pictures: list[Any], work: Any = work) -> Any:
            sizes.append(len(pictures))
            if len(pictures) > 2:
                raise torch.OutOfMemoryError("full")
            return work(self, pictures)

        monkeypatch.setattr(Clip if work is Clip.embed_images else Captioner, work.__name__, failing)
    pd.testing.assert_frame_equal(extract(extraction, **sources), expected)
    assert sizes == 2 * [4, 2, 2, 2]


def test_shards_do_not_matter(extraction: dict[str, object], tmp_path: Path) -> None:
    pictures = {f"{number}.png": pixels for number, pixels in enumerate(draw_pictures(6))}
    (tmp_path / "shards").mkdir()
    shards = write_images(tmp_path / "shards", pictures, shard=1)
    pd.testing.assert_frame_equal(
        extract(extraction), extract(extraction, images=shards, output=str(tmp_path / "sharded.parquet"))
    )


def test_phrases_are_not_embedded_again(extraction: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the vocabulary's embeddings are in its table")

    monkeypatch.setattr(Clip, "embed_phrases", refuse)
    assert len(extract(extraction)) == 6


def test_a_captioner_describes_each_picture(
    extraction: dict[str, object], captioner_folder: Path, tmp_path: Path
) -> None:
    captions = load_captioner(captioner_folder, CPU).caption(draw_pictures(6))
    assert len(set(captions)) > 1
    assert not any("[" in caption for caption in captions)
    table = extract(extraction, captions=None, captioner=str(captioner_folder))
    assert list(table["caption"]) == captions
    alone = extract(
        extraction,
        captions=None,
        captioner=str(captioner_folder),
        cost={"device": "cpu", "batch_size": 1},
        output=str(tmp_path / "alone.parquet"),
    )
    pd.testing.assert_frame_equal(alone, table)


def test_given_captions_go_before_the_captioner(extraction: dict[str, object]) -> None:
    assert list(extract(extraction, captioner="/nowhere")["caption"]) == [f"caption of {n}" for n in range(6)]


def test_a_picture_that_cannot_be_used_is_left_out_and_the_others_keep_their_prompts(
    extraction: dict[str, object], tmp_path: Path
) -> None:
    expected = extract(extraction)
    pictures = {f"{number}.png": pixels for number, pixels in enumerate(draw_pictures(6))}
    (tmp_path / "bad").mkdir()
    images = write_images(tmp_path / "bad", pictures | {"2.png": None}, shard=2)
    table = extract(extraction, images=images)
    assert table["reason"].notna().tolist() == [False, False, True, False, False, False]
    assert table["prompt"].isna().tolist() == table["reason"].notna().tolist()
    kept = table["reason"].isna()
    pd.testing.assert_frame_equal(table[kept], expected[kept])


# Mistakes, all of them told before a model is loaded


@pytest.fixture
def no_models(extraction: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model is loaded before the mistake is told")

    monkeypatch.setattr("aedr.prompts.clip.load_clip", refuse)
    monkeypatch.setattr("aedr.prompts.captioning.load_captioner", refuse)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,caption\n0.png,a cat\n", "no row for 5 of 6 images, such as 1.png"),
        ("file,caption\n0.png,a cat\n0.png,a dog\n", "two rows for the file 0.png"),
        ("file,caption\n0.png,\n", "line 2 .* lacks a file name or a caption"),
        ("file,caption\n0.png\n", "line 2 .* lacks a file name or a caption"),
        ("name,caption\n0.png,a cat\n", "lacks the column file"),
        ("", "lacks the column caption and file"),
    ],
)
def test_mistakes_in_captions_are_named(
    extraction: dict[str, object], no_models: None, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "captions.csv").write_text(text)
    with pytest.raises(UserError, match=message) as error:
        extract(extraction)
    assert "captions.csv" in str(error.value)
    assert not (tmp_path / "prompts.parquet").exists()


def test_neither_captioner_nor_captions_is_an_error(extraction: dict[str, object], no_models: None) -> None:
    with pytest.raises(UserError, match="captioner and captions"):
        extract(extraction, captions=None)


def test_image_sets_without_a_usable_picture_list_all_reasons(
    extraction: dict[str, object], no_models: None, tmp_path: Path
) -> None:
    (tmp_path / "bad").mkdir()
    images = write_images(tmp_path / "bad", {"a.jpg": None, "b.jpg": None}, shard=1)
    with pytest.raises(
        UserError, match=r"no pictures that can be used.*\n- real/a.jpg: cannot be.*\n- real/b.jpg: can"
    ):
        extract(extraction, images=images)


def test_an_empty_image_set_is_an_error(extraction: dict[str, object], no_models: None, tmp_path: Path) -> None:
    write_table(tmp_path / "empty.parquet", "images", [], {})
    with pytest.raises(UserError, match="has no pictures"):
        extract(extraction, images=[str(tmp_path / "empty.parquet")])


def test_a_captioner_without_words_is_told(
    extraction: dict[str, object], captioner_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = types.SimpleNamespace(caption=lambda pictures: [""] * len(pictures))
    monkeypatch.setattr("aedr.prompts.captioning.load_captioner", lambda *_: silent)
    with pytest.raises(UserError, match=r"real/0.png.*prompts: captions"):
        extract(extraction, captions=None, captioner=str(captioner_folder))
