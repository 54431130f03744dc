"""The device that models run on."""

import os

import torch

from aedr.errors import UserError


def pick_device(setting: str = "auto") -> torch.device:
    """Return the torch device for `setting`: auto (a GPU if there is one), cuda or cpu.

    Raises `UserError` if `setting` is cuda and no GPU can be used.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if setting == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "device: cuda is configured, but this job sees no usable GPU (CUDA_VISIBLE_DEVICES="
            f"{os.environ.get('CUDA_VISIBLE_DEVICES', 'unset')}, torch {torch.__version__}). "
            "Check the driver with nvidia-smi, or set device: cpu."
        )
    use_gpu = setting == "cuda" or (setting == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if use_gpu else "cpu")
