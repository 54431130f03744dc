"""Invisible watermarks of published code: Stable Diffusion's, SDXL's and FLUX's, where a decoder is installed."""

import importlib
import importlib.util
from typing import Any

import numpy as np
import numpy.typing as npt

from aedr.images.pictures import Pixels

# Not a dependency: nobody needs it, and it brings another build of OpenCV.
DECODER = "imwatermark"
# The decoder takes no smaller pictures.
SMALLEST_AREA = 256 * 256
# Of the bits of a message, those that may differ: as many as the detector of SDXL's authors calls very likely, 3 of 48.
MOST_ERRORS = 1 / 16


def _bits_of_text(text: bytes) -> npt.NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(text, np.uint8))


def _bits_of_number(number: int) -> npt.NDArray[np.uint8]:
    # Published code writes it without leading zeros.
    return np.array([int(bit) for bit in f"{number:b}"], np.uint8)


MESSAGES = {
    # CompVis/stable-diffusion, scripts/txt2img.py
    "Stable Diffusion 1": _bits_of_text(b"StableDiffusionV1"),
    # Stability-AI/stablediffusion, scripts/txt2img.py
    "Stable Diffusion 2": _bits_of_text(b"SDV2"),
    # diffusers/pipelines/stable_diffusion_xl/watermark.py
    "SDXL": _bits_of_number(0b101100111110110010010000011110111011000110011110),
    # black-forest-labs/flux, src/flux/util.py
    "FLUX": _bits_of_number(0b001010101111111010000111100111001111010100101110),
}


def is_decoder_installed() -> bool:
    """Return whether watermarks can be read."""
    return importlib.util.find_spec(DECODER) is not None


def read_watermarks(pixels: Pixels) -> list[str]:
    """Return the names of the watermarks in RGB pixels (uint8, height x width x 3), as they are stored."""
    if pixels.shape[0] * pixels.shape[1] < SMALLEST_AREA:
        return []
    decoder: Any = importlib.import_module(DECODER)
    found = []
    for name, message in MESSAGES.items():
        bits = decoder.WatermarkDecoder("bits", len(message)).decode(pixels[..., ::-1], "dwtDct")
        if (np.asarray(bits) != message).mean() <= MOST_ERRORS:
            found.append(name)
    return found
