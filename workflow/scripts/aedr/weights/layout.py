"""Where diffusers keeps the parts of a model, in a repository or a folder."""

from collections.abc import Iterable

INDEX = "model_index.json"
# Of a pipeline of blocks.
MODULAR_INDEX = "modular_model_index.json"
# Subfolders that autoencoders are in.
AUTOENCODER_FOLDERS = ("vae", "movq", "vqvae", "vqgan")


def index_of(files: Iterable[str]) -> str:
    """Return the index that a model with these files is loaded by: the modular one if it has no other."""
    files = set(files)
    return MODULAR_INDEX if MODULAR_INDEX in files and INDEX not in files else INDEX
