"""What a study must fetch: the needs that `aedr.weights` asks about and meets."""

from typing import Any

# The files of a captioner (of transformers) and of a CLIP model (of open_clip), and those that they cannot do without.
PROMPT_MODELS = {
    "captioner": ("*.json", "*.txt", "*.model", "model*.safetensors"),
    "clip": ("open_clip_config.json", "open_clip_model.safetensors"),
}
REQUIRED = {"captioner": ("config.json", "model*.safetensors"), "clip": PROMPT_MODELS["clip"]}


def prompt_model_need(part: str, repository: str, revision: str | None, folder: str) -> dict[str, Any]:
    """Return the need of a captioner or a CLIP model (`part`) whose files go to `folder`."""
    key = f"prompts: {part}"
    return {"key": key, "repository": repository, "revision": revision, "folder": folder, "part": part}
