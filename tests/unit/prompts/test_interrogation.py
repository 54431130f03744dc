"""Prompts: composed as CLIP Interrogator's classic mode does, extracted from pictures, or read from a file."""

import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import aedr
import embed_vocabulary
import extract_prompts
import fake_hub
import fetch_captioner
import fetch_clip_model
import read_prompts
from aedr.errors import UserError
from aedr.images.pictures import Pixels, describe_image, encode_png
from aedr.prompts.captioning import Captioner, load_captioner
from aedr.prompts.clip import Clip, load_clip
from aedr.prompts.interrogation import Phrases, best_phrases, compose_prompt, interrogate, limit_tokens
from aedr.prompts.vocabulary import SITES, read_vocabulary
from aedr.study.prompt_files import KINDS, count_prompts, match_captions, read_captions, read_prompt_file
from aedr.tables.files import read_table, write_table
from aedr.weights.hub import fetching
from tiny_interrogators import save_tiny_captioner, save_tiny_clip

CPU = torch.device("cpu")
FILES = {
    "mediums.txt": ["a photo", "a painting", "a sketch"],
    "artists.txt": ["Ada Lovelace", "Jan van Eyck", "Stéfan van der Walt"],
    "trendings.txt": ["flickr", "pixabay"],
    "movements.txt": ["realism", "cubism", "dada"],
    "flavors.txt": ["bright", "dark", "soft focus", "a red sky", "old street", "small house"],
}


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def clip(clip_folder: Path) -> Clip:
    return load_clip(clip_folder, CPU)


@pytest.fixture(scope="session")
def captioner_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_captioner(tmp_path_factory.mktemp("captioner"))


@pytest.fixture
def vocabulary_folder(tmp_path: Path) -> Path:
    return write_vocabulary(tmp_path / "vocabulary", FILES)


def write_vocabulary(folder: Path, files: dict[str, list[str]]) -> Path:
    folder.mkdir()
    for name, phrases in files.items():
        (folder / name).write_text("\n".join(phrases) + "\n", encoding="utf-8")
    return folder


def draw_pictures(count: int, seed: int = 0) -> list[Pixels]:
    """Pictures of unlike colours, contrasts and shapes."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        height, width = rng.integers(33, 60, 2)
        noise = rng.normal(0, rng.uniform(5, 80), (height, width, 3)) + rng.uniform(30, 220, 3)
        pictures.append(np.clip(noise, 0, 255).astype(np.uint8))
    return pictures


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


def embedded(clip: Clip, folder: Path) -> dict[str, Phrases]:
    return {kind: Phrases(found, clip.embed_phrases(found, 7)) for kind, found in read_vocabulary(folder).items()}


def count_words(text: str) -> int:
    return len(text.split())


# Composition


def test_a_prompt_names_caption_medium_artist_site_movement_and_flavors() -> None:
    prompt = compose_prompt("a cat", "a photo", "by X", "flickr", "dada", ["one", "two", "three"])
    assert prompt == "a cat, a photo by X, flickr, dada, one, two, three"


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a photo of a cat", "a photo of a cat by X, flickr, dada, f"),
        ("a photo", "a photo by X, flickr, dada, f"),
        ("a photographer", "a photographer by X, flickr, dada, f"),
        ("this is a photo", "this is a photo, a photo by X, flickr, dada, f"),
        ("A photo of a cat", "A photo of a cat, a photo by X, flickr, dada, f"),
    ],
)
def test_a_medium_that_the_caption_begins_with_is_left_out(caption: str, expected: str) -> None:
    assert compose_prompt(caption, "a photo", "by X", "flickr", "dada", ["f"]) == expected


def test_parts_are_added_while_the_prompt_stays_under_the_limit() -> None:
    prompt = "one two, three, four five, six"
    assert limit_tokens(prompt, count_words, 100) == prompt
    assert limit_tokens(prompt, count_words, 7) == prompt
    assert limit_tokens(prompt, count_words, 6) == "one two, three, four five"
    assert limit_tokens(prompt, count_words, 5) == "one two, three", "five tokens are not under five"


def test_a_part_that_would_fit_behind_one_that_does_not_is_left_out_too() -> None:
    assert limit_tokens("one, two three four five, six", count_words, 4) == "one"


def test_a_long_caption_is_cut_at_its_commas_and_its_first_part_is_kept_whole() -> None:
    assert limit_tokens("one two three, four, a photo by X", count_words, 2) == "one two three"
    assert limit_tokens("a cat, a dog, a photo by X", count_words, 5) == "a cat, a dog"


def test_the_real_tokenizer_counts_start_end_and_commas(clip: Clip) -> None:
    assert clip.context_length == 77
    assert clip.count_tokens("") == 2
    assert clip.count_tokens("a cat, a dog") == 7
    assert clip.count_tokens("cat " * 200) == 202, "counted beyond the context, not truncated to it"


def test_a_prompt_never_reaches_the_context_length_by_so_much_as_a_comma(clip: Clip) -> None:
    prompt = "cat " * 70 + "cat, dog, dog, dog"
    assert clip.count_tokens("cat " * 70 + "cat, dog") == 75
    limited = limit_tokens(prompt, clip.count_tokens, clip.context_length)
    assert limited == "cat " * 70 + "cat, dog"
    assert clip.count_tokens(limited + ", dog") == 77


# Ranking


def test_phrases_are_ranked_by_cosine() -> None:
    phrases = Phrases(["north", "east", "north-east"], np.array([[0, 1], [1, 0], [0.6, 0.8]], np.float32))
    images = np.array([[0, 1], [1, 0]], np.float32)
    assert best_phrases(images, phrases, 3) == [["north", "north-east", "east"], ["east", "north-east", "north"]]


def test_fewer_phrases_than_asked_for_are_all_used() -> None:
    assert best_phrases(np.array([[1, 0]], np.float32), Phrases(["a"], np.array([[1, 0]], np.float32)), 3) == [["a"]]


def test_equal_phrases_keep_their_order_anywhere_in_a_large_vocabulary() -> None:
    rng = np.random.default_rng(0)
    distinct = rng.normal(size=(20000, 16)).astype(np.float32)
    distinct /= np.linalg.norm(distinct, axis=1, keepdims=True)
    best = int(np.argmax(distinct[:, 0]))
    places = [3, 8191, 8192, 8193, 16384, 19999]
    distinct[places] = distinct[best]
    phrases = Phrases([str(number) for number in range(20000)], distinct)
    image = np.zeros((1, 16), np.float32)
    image[0, 0] = 1
    expected = [str(number) for number in sorted({*places, best})]
    assert best_phrases(image, phrases, len(expected)) == [expected]


def test_phrases_of_the_same_tokens_get_the_same_embedding_whatever_the_batch(clip: Clip) -> None:
    phrases = ["Old Street", "dark", "bright", "old  street", "a red sky", "OLD STREET"]
    for batch_size in (1, 2, 3, 100):
        embeddings = clip.embed_phrases(phrases, batch_size)
        assert np.array_equal(embeddings[0], embeddings[3]) and np.array_equal(embeddings[0], embeddings[5])
        assert not np.array_equal(embeddings[0], embeddings[1])
        assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
        assert embeddings.dtype == np.float32 and embeddings.shape == (6, 24)


def test_phrases_are_embedded_bare(clip: Clip) -> None:
    tokens = clip.tokenizer(["a painting"])
    with torch.inference_mode():
        alone = torch.nn.functional.normalize(clip.model.encode_text(tokens), dim=-1).numpy()
    assert np.allclose(clip.embed_phrases(["a painting", "dark"], 8)[0], alone[0], atol=1e-6)


def test_interrogation_does_not_depend_on_batches_or_order(clip: Clip, vocabulary_folder: Path) -> None:
    phrases = embedded(clip, vocabulary_folder)
    pictures = draw_pictures(12)
    captions = [f"picture {number}" for number in range(12)]

    def prompts(order: list[int], batch_size: int) -> dict[int, str]:
        found: dict[int, str] = {}
        for start in range(0, len(order), batch_size):
            part = order[start : start + batch_size]
            embeddings = clip.embed_images([pictures[number] for number in part])
            made = interrogate(embeddings, [captions[n] for n in part], phrases, clip.count_tokens, 77)
            found.update(zip(part, made, strict=True))
        return found

    alone = prompts(list(range(12)), 1)
    assert prompts(list(range(12)), 12) == alone
    assert prompts(list(range(11, -1, -1)), 5) == alone
    assert len({prompt.split(", ", 1)[1] for prompt in alone.values()}) > 3, "unlike pictures get unlike phrases"


@pytest.mark.filterwarnings("ignore:.*autocast", "ignore:CUDA is not available")
def test_prompts_are_those_of_clip_interrogator_itself(clip: Clip, tmp_path: Path) -> None:
    original = pytest.importorskip("clip_interrogator")
    files = FILES | {"trendings.txt": list(SITES), "negative.txt": ["bad"]}
    folder = write_vocabulary(tmp_path / "vocabulary", files)
    config = original.Config(caption_model_name=None, clip_model_name="ViT-B-32/none", data_path=str(folder))
    config.device, config.cache_path, config.quiet = "cpu", None, True
    config.clip_model, config.clip_preprocess = clip.model, clip.preprocess
    theirs = original.Interrogator(config)
    pictures = draw_pictures(8, seed=3) * 5
    beginnings = [
        "old tree" + " old tree" * 31,
        "a dog",
        *(f"{medium} of a dog, or a cat" for medium in FILES["mediums.txt"]),
    ]
    captions = [beginning for beginning in beginnings for _ in range(8)]
    ours = interrogate(
        clip.embed_images(pictures), captions, embedded(clip, folder), clip.count_tokens, clip.context_length
    )
    assert ours == [
        theirs.interrogate_classic(Image.fromarray(pixels), caption=caption)
        for pixels, caption in zip(pictures, captions, strict=True)
    ]
    assert any(", or a cat by" in prompt or ", or a cat inspired by" in prompt for prompt in ours)
    assert len(set(ours)) > 10


# Vocabularies


def test_both_forms_of_every_artist_and_all_forms_of_every_site_compete(vocabulary_folder: Path) -> None:
    found = read_vocabulary(vocabulary_folder)
    assert tuple(found) == KINDS
    assert found["artist"] == [f"{form} {name}" for form in ("by", "inspired by") for name in FILES["artists.txt"]]
    assert found["trending"] == [
        *("flickr", "pixabay", "trending on flickr", "trending on pixabay"),
        *("featured on flickr", "featured on pixabay", "flickr contest winner", "pixabay contest winner"),
    ]
    assert found["medium"] == FILES["mediums.txt"]


def test_inspired_by_wins_where_it_is_nearer(clip: Clip, vocabulary_folder: Path) -> None:
    phrases = embedded(clip, vocabulary_folder)
    place = phrases["artist"].phrases.index("inspired by Jan van Eyck")
    image = phrases["artist"].embeddings[place : place + 1]
    [prompt] = interrogate(image, ["a cat"], phrases, clip.count_tokens, 77)
    assert " inspired by Jan van Eyck, " in prompt


def test_blank_lines_repeated_phrases_and_windows_line_ends_do_no_harm(vocabulary_folder: Path) -> None:
    path = vocabulary_folder / "flavors.txt"
    path.write_bytes("\ufeffbright\r\n\r\n dark \r\nbright\r\nline\u2028separator".encode())
    assert read_vocabulary(vocabulary_folder)["flavor"] == ["bright", "dark", "line\u2028separator"]


def test_the_installed_packages_phrases_are_the_default() -> None:
    found = read_vocabulary(None)
    assert {kind: len(phrases) for kind, phrases in found.items()} == {
        "medium": 95,
        "artist": 2 * 5265,
        "trending": 4 * 18,
        "movement": 200,
        "flavor": 100970 - 1 - 15,  # one blank line, fifteen repetitions
    }


def test_the_package_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    before = set(sys.modules)
    read_vocabulary(None)
    assert "clip_interrogator" not in set(sys.modules) - before


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="clip-interrogator.*not installed.*mediums.txt"):
        read_vocabulary(None)


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "cannot be read.*trendings.txt"), (b"", "no phrase"), (b"\n \n", "no phrase"), (b"\xff", "not UTF-8")],
)
def test_an_unusable_vocabulary_file_is_named(vocabulary_folder: Path, data: bytes | None, message: str) -> None:
    path = vocabulary_folder / "trendings.txt"
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError, match=message) as error:
        read_vocabulary(vocabulary_folder)
    assert str(path) in str(error.value)


def test_the_vocabulary_table_holds_every_phrase_once(
    clip_folder: Path, clip: Clip, vocabulary_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "vocabulary.parquet"
    embed_vocabulary.embed_vocabulary(str(vocabulary_folder), str(clip_folder), str(output), "cpu")
    table = read_table(output, "vocabulary")
    expected = read_vocabulary(vocabulary_folder)
    assert {kind: list(rows["phrase"]) for kind, rows in table.groupby("kind", sort=False)} == expected
    embedding = table.loc[table["phrase"] == "cubism", "embedding"].iloc[0]
    assert np.allclose(embedding, clip.embed_phrases(["cubism"], 1)[0], atol=1e-6)


# Whole extraction


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


def test_an_unusable_picture_is_named(extraction: dict[str, object], no_models: None, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    images = write_images(tmp_path / "bad", {"0.png": draw_pictures(1)[0], "broken.jpg": None}, shard=1)
    with pytest.raises(UserError, match=r"real/broken.jpg.*cannot be decoded.*Remove it"):
        extract(extraction, images=images)


def test_an_empty_image_set_is_an_error(extraction: dict[str, object], no_models: None, tmp_path: Path) -> None:
    write_table(tmp_path / "empty.parquet", "images", [], {})
    with pytest.raises(UserError, match="holds no picture"):
        extract(extraction, images=[str(tmp_path / "empty.parquet")])


def test_a_captioner_without_words_is_told(
    extraction: dict[str, object], captioner_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = types.SimpleNamespace(caption=lambda pictures: [""] * len(pictures))
    monkeypatch.setattr("aedr.prompts.captioning.load_captioner", lambda *_: silent)
    with pytest.raises(UserError, match=r"real/0.png.*prompts: captions"):
        extract(extraction, captions=None, captioner=str(captioner_folder))


def test_captions_match_by_name_relative_to_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text('\ufefffile,author,caption\nsub/a.png,me,"one,  two\nlines"\na.png,me,other\n', encoding="utf-8")
    captions = read_captions(path)
    assert captions == {"sub/a.png": "one, two lines", "a.png": "other"}
    assert match_captions(captions, ["set/a.png", "set/sub/a.png"], path) == {
        "set/a.png": "other",
        "set/sub/a.png": "one, two lines",
    }


# Models


@pytest.mark.parametrize("name", ["open_clip_config.json", "open_clip_model.safetensors"])
def test_an_incomplete_clip_folder_is_told(tmp_path: Path, name: str) -> None:
    folder = save_tiny_clip(tmp_path / "clip")
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"lacks {name}"):
        load_clip(folder, CPU)


def test_pickled_clip_weights_are_refused(tmp_path: Path) -> None:
    folder = save_tiny_clip(tmp_path / "clip")
    (folder / "open_clip_model.safetensors").rename(folder / "open_clip_pytorch_model.bin")
    with pytest.raises(UserError, match="safetensors only"):
        load_clip(folder, CPU)


def test_a_broken_clip_configuration_is_told(tmp_path: Path) -> None:
    folder = save_tiny_clip(tmp_path / "clip")
    (folder / "open_clip_config.json").write_text(json.dumps({"no": "model_cfg"}))
    with pytest.raises(UserError, match="cannot load the folder"):
        load_clip(folder, CPU)


def test_pickled_captioner_weights_are_refused(captioner_folder: Path, tmp_path: Path) -> None:
    for file in captioner_folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="captioner.*cannot load"):
        load_captioner(tmp_path, CPU)


def test_the_context_length_is_the_models(tmp_path: Path) -> None:
    assert load_clip(save_tiny_clip(tmp_path / "clip", context_length=64), CPU).context_length == 64


# Bringing models to a folder, from a hub on the loopback interface


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_hub.Hub]:
    with fake_hub.serve() as hub:
        fake_hub.ask_at(hub.address, monkeypatch)
        yield hub


def files(*names: str, tokenizer: str | None = None) -> dict[str, bytes]:
    """Return a repository with these files, which say which tokenizer the model has."""
    text = {"hf_tokenizer_name": tokenizer} if tokenizer else {}
    return {name: json.dumps({"model_cfg": {"text_cfg": text}}).encode() for name in names}


def test_the_published_clip_is_fetched_without_pickled_weights(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["laion/CLIP-ViT-H-14-laion2B-s32B-b79K"] = files(
        "open_clip_config.json", "open_clip_model.safetensors", "open_clip_pytorch_model.bin", "pytorch_model.bin"
    )
    fetch_clip_model.fetch_clip_model("ViT-H-14", "laion2b_s32b_b79k", str(tmp_path / "clip"))
    assert sorted(os.listdir(tmp_path / "clip")) == ["open_clip_config.json", "open_clip_model.safetensors"]


def test_a_clip_with_a_tokenizer_of_its_own_gets_it(
    hub: fake_hub.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("open_clip.get_pretrained_cfg", lambda *_: {"hf_hub": "org/tokenized/"})
    clip = files("open_clip_config.json", "open_clip_model.safetensors", tokenizer="org/words")
    hub.repositories["org/tokenized"] = clip
    hub.repositories["org/words"] = files("tokenizer.json", "tokenizer_config.json", "model.safetensors")
    fetch_clip_model.fetch_clip_model("any", "tag", str(tmp_path / "clip"))
    assert {"tokenizer.json", "tokenizer_config.json"} == set(os.listdir(tmp_path / "clip")) - set(clip)


@pytest.mark.parametrize(
    ("model", "pretrained", "message"),
    [
        ("ViT-H-14", "no_such_tag", "knows no weights no_such_tag of ViT-H-14; .*laion2b_s32b_b79k"),
        ("ViT-Q-1", "laion2b_s32b_b79k", "ViT-Q-1.*nor the model itself"),
        ("ViT-H-14", "laion2b_s32b_b79k", "has no laion/CLIP-ViT-H-14"),
        ("ViT-B-32", "laion2b_s34b_b79k", "holds no open_clip_model.safetensors"),
    ],
)
def test_a_clip_that_cannot_be_fetched_is_told(
    hub: fake_hub.Hub, tmp_path: Path, model: str, pretrained: str, message: str
) -> None:
    hub.repositories["laion/CLIP-ViT-B-32-laion2B-s34B-b79K"] = files("open_clip_config.json", "pytorch_model.bin")
    with pytest.raises(UserError, match=f"(?s)prompts: clip: .*{message}"):
        fetch_clip_model.fetch_clip_model(model, pretrained, str(tmp_path / "clip"))


def test_weights_outside_the_hub_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("open_clip.get_pretrained_cfg", lambda *_: {"url": "https://elsewhere/model.pt"})
    with pytest.raises(UserError, match="any/tag is published outside huggingface.co"):
        fetch_clip_model.fetch_clip_model("any", "tag", str(tmp_path / "clip"))


def test_the_captioner_is_fetched_without_pickled_weights(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["Salesforce/blip"] = files("config.json", "vocab.txt", "model.safetensors", "pytorch_model.bin")
    fetch_captioner.fetch_captioner("Salesforce/blip", None, str(tmp_path / "blip"))
    assert sorted(os.listdir(tmp_path / "blip")) == ["config.json", "model.safetensors", "vocab.txt"]
    hub.repositories["Salesforce/old"] = files("config.json", "pytorch_model.bin")
    with pytest.raises(UserError, match="Salesforce/old holds no model"):
        fetch_captioner.fetch_captioner("Salesforce/old", None, str(tmp_path / "old"))


def test_a_download_that_broke_is_gone_on_with_and_never_taken_for_whole(tmp_path: Path) -> None:
    with pytest.raises(UserError), fetching(tmp_path / "blip") as folder:
        Path(folder, "config.json").touch()
        raise UserError("no network")
    assert not (tmp_path / "blip").exists()
    with fetching(tmp_path / "blip") as folder:
        assert os.listdir(folder) == ["config.json"]
    assert os.listdir(tmp_path / "blip") == ["config.json"]


def test_a_captioner_that_is_not_what_the_hub_lists_is_refused(hub: fake_hub.Hub, tmp_path: Path) -> None:
    hub.repositories["org/captioner"] = files("config.json", "model.safetensors")
    hub.damaged.add("config.json")
    with pytest.raises(UserError, match=r"prompts: captioner: .*config\.json is not the file .* was deleted"):
        fetch_captioner.fetch_captioner("org/captioner", None, str(tmp_path / "captioner"))
    assert not (tmp_path / "captioner/config.json").exists()


# Prompts in a file


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat\na dog\n", ["a cat", "a dog"]),
        ("a cat\n\n  \na cat", ["a cat", "a cat"]),
        ("001: a cat\r\n002: a dog: 2: three\r\n", ["a cat", "a dog: 2: three"]),
        ("7: a cat\n\n7: a cat\n", ["a cat", "a cat"]),
        ("001: a cat\na dog\n", ["001: a cat", "a dog"]),
        ("12:30 on a clock\n", ["12:30 on a clock"]),
        ("\ufeff001: Stéfan\n", ["Stéfan"]),
        ("one\u2028line\n", ["one\u2028line"]),
    ],
)
def test_prompt_files(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = write(tmp_path, text)
    assert read_prompt_file(path) == expected
    assert count_prompts(path) == len(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "has no prompts"), (" \n\n", "has no prompts"), ("001: a\n002: \n", "`002:` of .* has no prompt")],
)
def test_prompt_files_without_prompts(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        count_prompts(write(tmp_path, text))


def test_unreadable_prompt_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing.txt cannot be read"):
        count_prompts(tmp_path / "missing.txt")
    (tmp_path / "latin.txt").write_bytes("Stéfan".encode("latin-1"))
    with pytest.raises(UserError, match="latin.txt is not UTF-8"):
        count_prompts(tmp_path / "latin.txt")


def test_counting_prompts_imports_the_standard_library_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from aedr.study.prompt_files import count_prompts; "
        "from aedr.study.prompt_files import vocabulary_files; "
        f"print(count_prompts({str(write(tmp_path, 'a cat'))!r})); "
        "assert not {'numpy', 'pandas', 'torch', 'pyarrow'} & set(sys.modules)"
    )
    scripts = str(Path(next(iter(aedr.__path__))).parent)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": scripts}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


def test_the_prompts_table_of_a_file(tmp_path: Path) -> None:
    read_prompts.read_prompts(str(write(tmp_path, "001: a cat\n002: a cat\n")), str(tmp_path / "prompts.parquet"))
    table = read_table(tmp_path / "prompts.parquet", "prompts")
    assert table["prompt_id"].tolist() == ["00000", "00001"]
    assert table["prompt"].tolist() == ["a cat", "a cat"]
    assert table["image_id"].isna().all() and table["caption"].isna().all()


def test_the_published_prompts(clip: Clip, reference: Path) -> None:
    prompts = read_prompt_file(reference / "prompts-500.txt")
    assert len(prompts) == 500
    assert prompts[0].startswith("a close up of a person's hand with a silver bracelet, a picture inspired by Alfred")
    assert max(clip.count_tokens(prompt) for prompt in prompts) < 77
    # Every published prompt is one that these phrases and rules can make, but one that names a blank flavor.
    vocabulary = read_vocabulary(None)
    flavors, trendings, movements = (set(vocabulary[kind]) for kind in ("flavor", "trending", "movement"))
    artists = tuple(f" {artist}" for artist in vocabulary["artist"])
    strange = []
    for prompt in prompts:
        *beginning, trending, movement, first, second, third = prompt.split(", ")
        known = ", ".join(beginning).endswith(artists) and trending in trendings and movement in movements
        if not known or not {first, second, third} <= flavors:
            strange.append(prompt)
    assert len(strange) == 1 and strange[0].endswith(", product shot,")
