"""The device that models run on."""

import os

import torch

from aedr.errors import UserError
from aedr.gpus import installed_gpus

# Values of CUDA_VISIBLE_DEVICES that hide every GPU.
NONE_VISIBLE = ("", "-1", "NoDevFiles")


def pick_device(setting: str = "auto") -> torch.device:
    """Return the torch device for `setting`: auto (a GPU if there is one), cuda or cpu.

    Raises `UserError` if `setting` is cuda and no GPU can be used, or if it is auto and there is a GPU that torch,
    built for CUDA, cannot use: otherwise a driver that is too old would turn hours into weeks without a word.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    # On a GPU, cuDNN would round the inputs of float32 convolutions to 10 bits (TF32). Losses of 1e-5 need all 23.
    torch.backends.cudnn.allow_tf32 = False
    if setting == "cpu":
        return torch.device("cpu")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if torch.cuda.is_available():
        _try_out(setting)
        return torch.device("cuda")
    if setting == "cuda":
        raise UserError(
            f"device: cuda is configured, but this job sees no usable GPU (CUDA_VISIBLE_DEVICES={visible or 'unset'}, "
            f"torch {torch.__version__}). Check the driver with nvidia-smi, or set device: cpu."
        )
    if torch.version.cuda and visible not in NONE_VISIBLE and installed_gpus():
        try:
            torch.cuda.init()
        except Exception as error:
            raise _unusable(setting, error) from None
    return torch.device("cpu")


def _try_out(setting: str) -> None:
    """Raise if the GPU is too old for torch's kernels, which only shows when one runs."""
    try:
        torch.ones(1, device="cuda").add_(1)
    except torch.AcceleratorError as error:
        raise _unusable(setting, error) from None


def _unusable(setting: str, error: Exception) -> UserError:
    reason = f"{error}".strip().partition("\n")[0]
    built = f"torch {torch.__version__}, built for CUDA {torch.version.cuda}"
    return UserError(
        f"device: {setting}: this machine has a GPU, but {built}, cannot use it: {reason} Update its driver "
        "(nvidia-smi shows its version), install a torch for the driver and the GPU that you have, or set device: cpu."
    )
