"""Prompts composed as CLIP Interrogator's classic mode does."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aedr.prompts.clip import Clip
from aedr.prompts.interrogation import Phrases, best_phrases, compose_prompt, interrogate, limit_tokens
from aedr.prompts.vocabulary import SITES, read_vocabulary
from aedr.study.prompt_files import read_prompt_file
from phrases_and_pictures import FILES, draw_pictures, write_vocabulary


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


def test_inspired_by_wins_where_it_is_nearer(clip: Clip, vocabulary_folder: Path) -> None:
    phrases = embedded(clip, vocabulary_folder)
    place = phrases["artist"].phrases.index("inspired by Jan van Eyck")
    image = phrases["artist"].embeddings[place : place + 1]
    [prompt] = interrogate(image, ["a cat"], phrases, clip.count_tokens, 77)
    assert " inspired by Jan van Eyck, " in prompt


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
