"""A pipeline of a few lines that works as those of diffusers do, and an autoencoder of blocks of pixels."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import diffusers
import torch
import torch.nn.functional as F

from aedr.autoencoders.loading import Autoencoder

SIDE = 4
Change = Callable[[torch.Tensor], torch.Tensor]


class Blocks(torch.nn.Module):
    """Decodes a latent to a block of pixels, and encodes a block by its mean."""

    config = SimpleNamespace()
    dtype = torch.float32
    device = torch.device("cpu")

    def encode(self, images: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(latents=F.avg_pool2d(images, SIDE))

    def decode(self, latents: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(sample=latents.repeat_interleave(SIDE, -2).repeat_interleave(SIDE, -1))


BLOCKS = Autoencoder(Blocks(), SIDE, quantise=False)


class PlainPipeline:
    """Denoises by `denoise`, and changes latents by `carry` before it decodes them.

    As some of diffusers, it brings sides to multiples of `multiple` pixels, and refuses those above `largest`.
    """

    config: dict[str, Any] = {}

    def __init__(
        self,
        denoise: Change = lambda latents: 0.3 * latents,
        carry: Change = lambda latents: latents,
        scheduler: Any = None,
        multiple: int = SIDE,
        largest: int = 10**9,
    ) -> None:
        self.denoise, self.carry, self.multiple, self.largest = denoise, carry, multiple, largest
        self.scheduler = scheduler or diffusers.DDIMScheduler()
        self.vae = Blocks()
        self.components = {"scheduler": self.scheduler, "vae": self.vae}
        self.rows: list[int] = []

    def __call__(self, prompt: Sequence[str], generator: Any, height: int = 64, width: int = 64) -> Any:
        if max(height, width) > self.largest:
            raise ValueError(f"no side may have more than {self.largest} pixels")
        rows, columns = (side // self.multiple * self.multiple // SIDE for side in (height, width))
        latents = torch.zeros(len(prompt), 3, rows, columns)
        self.scheduler.set_timesteps(50)
        for time in self.scheduler.timesteps:
            self.rows.append(len(latents))
            latents = self.scheduler.step(self.denoise(latents), time, latents, return_dict=False)[0]
        return self.vae.decode(self.carry(latents))
