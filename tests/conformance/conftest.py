"""The reference data's autoencoder, for all tests of it."""

from pathlib import Path

import pytest
import torch

from aedr.autoencoders.loading import Autoencoder
from taef2 import load_taef2


@pytest.fixture(scope="session")
def autoencoder(reference: Path) -> Autoencoder:
    """The autoencoder, with its weights in the order in which a CPU convolves fastest."""
    autoencoder = load_taef2(reference)
    autoencoder.network.to(memory_format=torch.channels_last)
    return autoencoder
