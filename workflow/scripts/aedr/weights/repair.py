"""What to do about a model whose files are damaged or missing."""

from pathlib import Path


def how_to_repair(model: str | Path) -> str:
    """Return what to do about a model's folder whose files are damaged or missing."""
    if Path(f"{model}.json").is_file():
        return f"Delete {model}.json and run again: files that differ from the published ones are downloaded again."
    return f"Copy the model to {model} again, or name another folder as `path`."
