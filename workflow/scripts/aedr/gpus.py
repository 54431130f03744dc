"""The GPUs of this machine, before torch is imported."""

import glob
import os
import subprocess
import sys
from pathlib import Path

from aedr.errors import UserError

PICK = "import sys; from aedr.devices import pick_device; from aedr.errors import UserError\n"
PICK += "try: pick_device(sys.argv[1])\nexcept UserError as error: sys.exit(f'{error}')"


def installed_gpus() -> list[str]:
    """Return the positions of this machine's NVIDIA GPUs, as CUDA counts them.

    A container may have only /dev/nvidia3, which is then CUDA's first device: the numbers of the files do not count.
    """
    return [str(position) for position, _ in enumerate(glob.glob("/dev/nvidia[0-9]*"))]


def refuse_unusable_gpu(setting: str, visible: str | None) -> None:
    """Raise the error that later jobs would end with if a GPU is installed that they cannot use.

    Another process asks, since this one may hide the GPUs from itself.

    Args:
        setting: `device` of the configuration.
        visible: CUDA_VISIBLE_DEVICES of the run; None if it is unset.

    Raises:
        UserError: a GPU is installed, and torch cannot use it.
    """
    if setting == "cpu" or not installed_gpus():
        return
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[1])}
    environment |= {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    asked = subprocess.run([sys.executable, "-c", PICK, setting], env=environment, capture_output=True, text=True)
    if asked.returncode:
        raise UserError(asked.stderr.strip())


def may_have_gpu() -> bool:
    """Return whether there are files of a GPU, of NVIDIA, also in WSL, or of AMD, whether or not it can be used."""
    return any(map(glob.glob, ("/dev/nvidia[0-9]*", "/dev/dxg", "/dev/kfd")))
