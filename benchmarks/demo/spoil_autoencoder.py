"""Write demo-sd's autoencoder with noise on its weights: one that no image of the demo was decoded by.

python benchmarks/demo/spoil_autoencoder.py FOLDER. The noise has a twentieth of each tensor's standard deviation.
"""

import sys
from pathlib import Path

import diffusers
import torch

ORIGINAL = Path(__file__).parents[2] / "demo" / "models" / "demo-sd" / "vae"
NOISE = 0.05


def main(folder: Path) -> None:
    autoencoder = diffusers.AutoencoderKL.from_pretrained(ORIGINAL)
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in autoencoder.parameters():
            spread = weights.std() if weights.numel() > 1 else weights.abs()
            weights += NOISE * spread * torch.randn(weights.shape, generator=chance)
    autoencoder.save_pretrained(folder / "vae")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
