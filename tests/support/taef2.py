"""The real small autoencoder of the reference data: FLUX.2's, distilled, as an `aedr` autoencoder.

The network is diffusers' AutoencoderTiny with one addition, so its weights are renamed here rather than converted on
disk. diffusers maps pixels from [-1, 1] to [0, 1] before the encoder and back after the decoder, which is the range
that these weights were trained in.
"""

from pathlib import Path

import diffusers
import torch
from safetensors.torch import load_file
from torch import nn

from aedr.autoencoders.loading import Autoencoder

LATENT_CHANNELS = 32
FACTOR = 8
MIDDLE_BLOCKS = 3


class PooledBlock(nn.Module):
    """A block of AutoencoderTiny that adds a bottleneck over 256 channels to its input: block(x + pool(x))."""

    def __init__(self, block: nn.Module, channels: int = 64, pool_channels: int = 256, groups: int = 4) -> None:
        super().__init__()
        self.conv, self.fuse = block.conv, block.fuse
        self.pool = nn.Sequential(
            nn.Conv2d(channels, pool_channels, 1, bias=False),
            nn.GroupNorm(groups, pool_channels),
            nn.ReLU(),
            nn.Conv2d(pool_channels, channels, 1, bias=False),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        features = features + self.pool(features)
        return self.fuse(self.conv(features) + features)


def load_taef2(reference: Path) -> Autoencoder:
    """Return the autoencoder in `reference`/taef2 on the CPU, float32; every weight must find its place."""
    network = diffusers.AutoencoderTiny(latent_channels=LATENT_CHANNELS)
    encoder, decoder = network.encoder.layers, network.decoder.layers
    last = len(encoder) - 1
    # The decoder begins with a convolution and its activation.
    for layers, first in ((encoder, last - MIDDLE_BLOCKS), (decoder, 2)):
        for at in range(first, first + MIDDLE_BLOCKS):
            layers[at] = PooledBlock(layers[at])
    # The file counts the decoder's clamp as layer 0, which diffusers keeps outside its list of layers.
    for half, layers, shift in (("encoder", encoder, 0), ("decoder", decoder, 1)):
        weights = {}
        for name, tensor in load_file(reference / "taef2" / f"{half}.safetensors").items():
            number, rest = name.split(".", 1)
            weights[f"{int(number) - shift}.{rest}"] = tensor.float()
        layers.load_state_dict(weights, strict=True)
    return Autoencoder(network.eval().requires_grad_(False), FACTOR, quantise=False)
