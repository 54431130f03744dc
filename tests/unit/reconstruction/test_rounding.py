"""What rounding to 8 bits alone adds to a loss."""

import pytest
import torch

from aedr.reconstruction.losses import LOSSES
from aedr.reconstruction.pixels import to_pixels, to_tensor
from aedr.reconstruction.rounding import ROUNDING_LOSS


@pytest.mark.parametrize("metric", ROUNDING_LOSS)
def test_the_loss_of_rounding_is_what_rounding_costs(metric) -> None:
    smooth = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 1.9 - 0.95
    rounded = to_tensor(list(to_pixels(smooth)), smooth.device)
    assert LOSSES[metric](smooth, rounded).item() == pytest.approx(ROUNDING_LOSS[metric], rel=0.02)
