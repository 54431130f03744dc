"""The published scripts as the benchmark writes them find what this workflow finds, or their costs mean nothing."""

from pathlib import Path

import pytest
import torch
from published_way import autoencoder_of, distance_of, homogeneity_of, load_pipeline, losses_of

from aedr.autoencoders.loading import load_autoencoder
from aedr.images.homogeneity import homogeneity, read_grey
from aedr.images.pictures import decode_image
from aedr.reconstruction.double_reconstruction import double_losses
from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.pixels import to_tensor

DEMO = Path(__file__).parents[2] / "demo"
PICTURES = sorted((DEMO / "photographs").glob("*.png"))[::36]
METRICS = ("l1", "l2", "ssim", "psnr")
CPU = torch.device("cpu")


# Those without a posterior, from which the published way draws.
@pytest.mark.parametrize("model", ["demo-tiny", "demo-vq"])
def test_losses_are_those_of_this_workflow(model: str) -> None:
    ours = load_autoencoder(DEMO / "models" / model, "float32", CPU)
    theirs = autoencoder_of(load_pipeline(DEMO / "models" / model))
    found = {metric: list(losses_of(theirs, PICTURES, distance_of(metric))) for metric in METRICS}
    for at, file in enumerate(PICTURES):
        image = to_tensor([decode_image(file.read_bytes())], CPU)
        expected = double_losses(ours, image, {metric: LOSSES[metric] for metric in METRICS})
        for metric in METRICS:
            assert found[metric][at] == pytest.approx(expected[metric][0], rel=1e-3), (metric, file.name)


def test_homogeneity_is_that_of_this_workflow() -> None:
    assert [homogeneity_of(file) for file in PICTURES] == [homogeneity(read_grey(f.read_bytes())) for f in PICTURES]
