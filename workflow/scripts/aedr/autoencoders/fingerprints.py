"""What an autoencoder's weights are: those that its encoder and its decoder use, as a hash and as a sketch of numbers.

A hash tells weights that are equal, and a sketch those that are equal to the precision of bfloat16. No hash of rounded
weights could: some weights always lie so near to a step that a copy in another precision falls on its other side.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from aedr.autoencoders.families import BUCKETS
from aedr.autoencoders.loading import Autoencoder
from aedr.autoencoders.photograph import read_photograph

Tensors = Mapping[str, torch.Tensor]

SMALLEST_SIDE = 64


def used_tensors(autoencoder: Autoencoder) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return the saved tensors that encoding a picture uses, and those that decoding uses, by their names.

    Others cannot change a picture: FLUX.2's statistics of latents, a codebook without quantising, the convolutions over
    time of a video autoencoder.
    """
    side = max(SMALLEST_SIDE, autoencoder.factor)
    photograph = read_photograph(side, 2 * side, autoencoder.network.device)
    with torch.inference_mode():
        latents, by_encoder = _watched(lambda: autoencoder.encode(photograph))
        _, by_decoder = _watched(lambda: autoencoder.decode(latents))
    state = autoencoder.network.state_dict()
    encoder, decoder = (
        {name: tensor for name, tensor in state.items() if tensor.untyped_storage().data_ptr() in used}
        for used in (by_encoder, by_decoder)
    )
    return encoder, decoder


def _watched(work: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, set[int]]:
    """Return what `work` returns, and the addresses of all tensors that its operations take."""
    with _Watch() as watch:
        return work(), watch.addresses


class _Watch(TorchFunctionMode):
    """Collects the addresses of tensors from which other tensors are made, while the mode is active."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: set[int] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        # Asking a tensor for its type or device does not use its values.
        if any(True for _ in _tensors_in([result])):
            self.addresses |= {
                tensor.untyped_storage().data_ptr() for tensor in _tensors_in([*args, *(kwargs or {}).values()])
            }
        return result


def _tensors_in(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors_in(value)


def fingerprint(tensors: Tensors) -> str:
    """Return the SHA-256 of tensors: their names, shapes and values, rounded to float16.

    The same weights in another file, another format or float16 have the same fingerprint. A copy in bfloat16 has
    another one, but the same `sketch`. Weights that differ by less than float16 resolves (1 part in 2000) count as
    equal.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {list(tensor.shape)}\n".encode())
        digest.update(tensor.half().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def sketch(tensors: Tensors) -> list[float]:
    """Return numbers that are near to those of another sketch only if all weights are, as `are_equal` compares them.

    Each tensor's weights are dealt into 16 buckets, in an order drawn by its name and shape. Each bucket gives a sum
    with random signs, and the root of the sum of squares, which is the scale of the first.
    """
    numbers: list[float] = []
    for name, tensor in sorted(tensors.items()):
        values = tensor.double().cpu().numpy().ravel()
        # NumPy keeps this generator's numbers the same in all versions.
        draw = np.random.RandomState(zlib.crc32(f"{name} {list(tensor.shape)}".encode()))
        codes = np.frombuffer(draw.bytes(values.size), np.uint8)
        buckets, signs = codes % BUCKETS, np.where(codes < 128, 1.0, -1.0)
        numbers += np.bincount(buckets, signs * values, BUCKETS).tolist()
        numbers += np.sqrt(np.bincount(buckets, values**2, BUCKETS)).tolist()
    return numbers
