"""Parts of a pipeline that are not in its own folder."""

from collections.abc import Callable, Mapping
from typing import Any

import torch


def load_parts(
    folders: Mapping[str, str], class_of: Callable[[str], Any], loading: Mapping[str, Any]
) -> dict[str, Any]:
    """Load each part from its folder as the class that the pipeline expects; `loading` is for those with weights."""
    parts = {}
    for name, folder in folders.items():
        kind = class_of(name)
        is_network = isinstance(kind, type) and issubclass(kind, torch.nn.Module)
        parts[name] = kind.from_pretrained(folder, **(loading if is_network else {"local_files_only": True}))
    return parts
