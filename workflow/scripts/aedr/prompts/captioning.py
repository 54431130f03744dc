"""Captions of pictures by an image-to-text model of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from aedr.errors import UserError
from aedr.images.pictures import Pixels

# CLIP Interrogator's limit for captions.
MAX_NEW_TOKENS = 32


@dataclass(frozen=True)
class Captioner:
    """An image-to-text model with its processor, on one device, in float32."""

    model: Any
    processor: Any
    device: torch.device

    @torch.inference_mode()
    def caption(self, images: Sequence[Pixels]) -> list[str]:
        """Return one caption for each RGB picture (uint8, height x width x 3), decoded greedily, as one batch."""
        inputs = self.processor(images=[Image.fromarray(pixels) for pixels in images], return_tensors="pt")
        tokens = self.model.generate(
            **inputs.to(self.device), max_new_tokens=MAX_NEW_TOKENS, do_sample=False, num_beams=1
        )
        captions = self.processor.batch_decode(tokens, skip_special_tokens=True)
        return [" ".join(caption.split()) for caption in captions]


def load_captioner(folder: str | Path, device: torch.device) -> Captioner:
    """Load the image-to-text model that transformers saved in `folder`, from safetensors; nothing is downloaded.

    Raises:
        UserError: transformers cannot load the folder as an image-to-text model.
    """
    import transformers

    try:
        processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model: Any = transformers.AutoModelForImageTextToText.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
    # For an unusable folder, transformers passes on any exception of json, safetensors, tokenizers or torch.
    except Exception as error:
        raise UserError(
            f"prompts: captioner: transformers {transformers.__version__} cannot load the folder {folder} as an "
            f"image-to-text model with safetensors weights: {error}"
        ) from error
    return Captioner(model.to(device).eval(), processor, device)
