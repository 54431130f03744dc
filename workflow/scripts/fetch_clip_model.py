"""Download a CLIP model of open_clip to a folder: its configuration, weights and, if it has one, tokenizer."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job

TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.model", "config.json")


def fetch_clip_model(
    study: Sequence[Mapping[str, Any]],
    output: str,
    repository: str | None = None,
    revision: str | None = None,
    model: str | None = None,
    pretrained: str | None = None,
) -> None:
    """Download the safetensors weights of a CLIP model to the folder `output`, if all that `study` needs is open.

    The model is that of `repository` at `revision`, or the one that open_clip knows by `model` and `pretrained`.

    Raises `UserError` if open_clip does not know the pair, or no safetensors weights are published for it.
    """
    import json
    import os

    from aedr.study.needs import PROMPT_MODELS, prompt_model_need
    from aedr.weights.hub import download
    from aedr.weights.repositories import fetch_prompt_model

    repository = repository or find_repository(model, pretrained)

    def fetch_tokenizer(folder: str) -> None:
        config_file, _ = PROMPT_MODELS["clip"]
        with open(os.path.join(folder, config_file), encoding="utf-8") as file:
            tokenizer = json.load(file)["model_cfg"]["text_cfg"].get("hf_tokenizer_name")
        if tokenizer:
            download(tokenizer, None, TOKENIZER_FILES, folder, "prompts: clip")

    fetch_prompt_model(prompt_model_need("clip", repository, revision, output), study, fetch_tokenizer)


def find_repository(model: str | None, pretrained: str | None) -> str:
    """Return the repository of the weights that open_clip knows by the name `model` and the tag `pretrained`."""
    import os

    import open_clip

    from aedr.errors import UserError

    known = open_clip.get_pretrained_cfg(model, pretrained)
    if not known:
        raise UserError(
            f"prompts: clip: open_clip {open_clip.__version__} knows no weights {pretrained} of {model}; its tags for "
            f"it are: {', '.join(open_clip.list_pretrained_tags_by_model(model)) or 'none, nor the model itself'}."
        )
    repository = os.path.dirname(known.get("hf_hub", ""))
    if not repository:
        raise UserError(
            f"prompts: clip: {model}/{pretrained} is published outside huggingface.co. Choose another model and tag, "
            "or name a local folder with prompts: clip: path."
        )
    return repository


if __name__ == "__main__":
    with job(snakemake):
        fetch_clip_model(snakemake.params.study, snakemake.output[0], **snakemake.params.source)
