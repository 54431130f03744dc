"""A photograph that comes with the workflow, and how well an autoencoder reproduces it.

128x256 pixels of the portrait of Eileen Collins by NASA (public domain; `skimage.data.astronaut`), dark and bright. The
file is a PNG in base64, because Snakemake copies only text from a workflow on a Git host.
"""

import base64
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

PHOTOGRAPH = Path(__file__).with_suffix(".base64")
HEIGHT, WIDTH = 128, 256


def read_photograph(height: int, width: int, device: torch.device) -> torch.Tensor:
    """Return the middle of the photograph: pixels in [-1, 1], shape (1, 3, height, width)."""
    with Image.open(io.BytesIO(base64.b64decode(PHOTOGRAPH.read_text()))) as picture:
        pixels = np.array(picture.convert("RGB"))
    top, left = (HEIGHT - height) // 2, (WIDTH - width) // 2
    middle = torch.from_numpy(pixels[top : top + height, left : left + width]).to(device)
    return middle.permute(2, 0, 1)[None] / 127.5 - 1


def explained_share(reconstruction: torch.Tensor, photograph: torch.Tensor) -> float:
    """Return the share of the photograph's variance that a reconstruction explains: 1 is all, one grey is 0 or less.

    Unlike a PSNR, it has a meaning without the contents: an answer that ignores the picture explains nothing of it. A
    reconstruction that is not finite explains minus infinity. Both have pixels in [-1, 1], shape (3, height, width).
    """
    error = (reconstruction.clamp(-1, 1).float() - photograph.float()).square().mean()
    share = 1 - (error / photograph.float().var(correction=0)).item()
    return share if np.isfinite(share) else -np.inf
