"""CLIP models of open_clip: loading one from a folder, embedding phrases and pictures, counting tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from PIL import Image

from aedr.errors import UserError
from aedr.images.pictures import Pixels
from aedr.jobs import progress
from aedr.study.needs import PROMPT_MODELS

CONFIG_FILE, WEIGHTS_FILE = PROMPT_MODELS["clip"]

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """A CLIP model with its own preprocessing and tokenizer, on one device, in float32."""

    model: Any
    preprocess: Any
    tokenizer: Any
    device: torch.device

    @property
    def context_length(self) -> int:
        """How many tokens the text encoder reads, start and end included: 77 for every CLIP of OpenAI and LAION."""
        return int(self.tokenizer.context_length)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens `text` has, start and end included, even if the model cannot read that many."""
        if isinstance(self.tokenizer, open_clip.tokenizer.HFTokenizer):
            return len(self.tokenizer.tokenizer(self.tokenizer.clean_fn(text)).input_ids)
        return len(self.tokenizer.encode(text)) + 2

    @torch.inference_mode()
    def embed_phrases(self, phrases: Sequence[str], batch_size: int) -> Embeddings:
        """Return unit-length embeddings of bare phrases, float32, shape (phrases, dimensions).

        Phrases with the same tokens ("Cat" and "cat") get the same embedding to the last bit, regardless of batches. So
        a ranking keeps them in the order of the vocabulary.
        """
        tokens, place = torch.unique(self.tokenizer(list(phrases)), dim=0, return_inverse=True)
        parts = tokens.split(batch_size)
        batches = [
            self.model.encode_text(part.to(self.device), normalize=True).cpu()
            for part in progress(parts, len(parts), f"batches of {batch_size} phrases")
        ]
        return torch.cat(batches)[place].numpy()

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Pixels]) -> Embeddings:
        """Return unit-length embeddings of RGB pictures (uint8, height x width x 3), float32, as one batch."""
        batch = torch.stack([self.preprocess(Image.fromarray(pixels)) for pixels in images])
        return self.model.encode_image(batch.to(self.device), normalize=True).cpu().numpy()


def load_clip(folder: str | Path, device: torch.device) -> Clip:
    """Load the CLIP model in `folder`; nothing is downloaded.

    The folder is as open_clip's `local-dir:` expects it: open_clip_config.json, open_clip_model.safetensors and, if the
    model has its own tokenizer, the tokenizer's files.

    Raises:
        UserError: a file is missing, or open_clip cannot load the folder.
    """
    folder = Path(folder)
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise UserError(
                f"prompts: clip: the folder {folder} lacks {name}. Weights are loaded from safetensors only. Save the "
                "model in open_clip's format. If the workflow made the folder, delete it and run again."
            )
    try:
        model, preprocess = open_clip.create_model_from_pretrained(
            f"local-dir:{folder}", device=device, precision="fp32", return_transform=True
        )
        tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    # For an unusable folder, open_clip passes on any exception of json, safetensors, torch or transformers.
    except Exception as error:
        raise UserError(
            f"prompts: clip: open_clip {open_clip.__version__} cannot load the folder {folder}: {error}"
        ) from error
    return Clip(model.eval(), preprocess, tokenizer, device)
