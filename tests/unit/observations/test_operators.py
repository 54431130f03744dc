"""Turns and resizes before a picture was stored: what is observed of it is what is observed after them."""

import numpy as np
import pytest
import torch
from PIL import Image

from aedr.observations.observation import StoredPixels, from_levels
from aedr.observations.operators import ORIENTATIONS, Resized, Turned, turn, turn_back
from aedr.observations.resampling import FILTERS

LEVELS = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (1, 3, 24, 24)).astype(np.float32))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_turned_picture_is_observed_as_it_was_decoded(orientation) -> None:
    decoded = from_levels(LEVELS)
    assert torch.equal(turn_back(turn(decoded, orientation), orientation), decoded)
    stored = StoredPixels(turn_back(LEVELS, orientation))
    observation = Turned(stored, [orientation])
    assert torch.equal(observation.seen, decoded)
    assert observation.distances(decoded).squared.item() == 0
    assert torch.allclose(observation.project(decoded), decoded) and torch.equal(
        observation.control(decoded).seen, decoded
    )
    others = [way for way in ORIENTATIONS if way != orientation]
    assert all(observation.distances(turn(turn_back(decoded, orientation), way)).squared > 1 for way in others)


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("size", [(16, 16), (36, 36)])
def test_a_resized_picture_is_observed_at_the_size_before(filter, size) -> None:
    smooth = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(LEVELS, (2, 2, 2, 2), "replicate"), 5, 1).round()
    pixels = smooth[0].permute(1, 2, 0).byte().numpy()
    resized = np.asarray(Image.fromarray(pixels).resize(size, FILTERS[filter]))
    stored = StoredPixels(torch.from_numpy(resized.copy()).permute(2, 0, 1)[None].float())
    observation = Resized(stored, (24, 24), filter)
    decoded = from_levels(smooth)
    # Pillow rounds between the two directions.
    assert observation.distances(decoded).squared.item() < 0.2
    assert observation.distances(decoded.flip(-1)).squared.item() > 100 * 0.2
    flat = torch.zeros_like(decoded)
    assert observation.distances(observation.project(flat)).squared < 0.1 * observation.distances(flat).squared
    assert observation.seen.shape == decoded.shape == observation.control(decoded).seen.shape


@pytest.mark.parametrize("kind", ["pixels", "turned", "resized"])
def test_pictures_chosen_from_a_batch_are_those_at_their_places(kind) -> None:
    chance = np.random.default_rng(4)
    stored = [
        StoredPixels(
            torch.from_numpy(chance.integers(0, 256, (1, 3, 24, 24)).astype(np.float32)),
            torch.full((1, 1, 1, 1), half),
        )
        for half in (0.5, 4.0, 9.0)
    ]
    single = {
        "pixels": stored,
        "turned": [Turned(each, [way]) for each, way in zip(stored, (0, 2, 6), strict=True)],
        "resized": [Resized(each, (16, 16), "lanczos") for each in stored],
    }[kind]
    batch = single[0].joined(single[1:], torch.device("cpu"))
    images = from_levels(LEVELS if kind != "resized" else LEVELS[..., :16, :16])
    chosen = batch.chosen([2, 0])
    expected = [single[place].distances(images).squared.item() for place in (2, 0)]
    assert len(set(expected)) == 2
    assert chosen.distances(images.repeat(2, 1, 1, 1)).squared.tolist() == pytest.approx(expected)
    controls = [single[place].control(images).seen for place in (2, 0)]
    assert torch.allclose(chosen.control(images.repeat(2, 1, 1, 1)).seen, torch.cat(controls), atol=1e-5)
