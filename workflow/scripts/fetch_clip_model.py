"""Download a CLIP model that open_clip knows to a folder: its configuration, weights and, if it has one, tokenizer."""

from aedr.jobs import job

TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.model", "config.json")


def fetch_clip_model(model: str, pretrained: str, output: str) -> None:
    """Download the safetensors weights of open_clip's `model` and `pretrained` tag to the folder `output`.

    Raises `UserError` if open_clip does not know the pair, or no safetensors weights are published for it.
    """
    import json
    import os

    import open_clip

    from aedr.errors import UserError
    from aedr.prompts.clip import CONFIG_FILE, WEIGHTS_FILE
    from aedr.weights.hub import download, fetching

    known = open_clip.get_pretrained_cfg(model, pretrained)
    if not known:
        raise UserError(
            f"prompts: clip: open_clip {open_clip.__version__} knows no weights {pretrained} of {model}; its tags for "
            f"it are: {', '.join(open_clip.list_pretrained_tags_by_model(model)) or 'none, nor the model itself'}."
        )
    repository = os.path.dirname(known.get("hf_hub", ""))
    choose_another = "Choose another model and tag, or name a local folder with prompts: clip: path."
    if not repository:
        raise UserError(f"prompts: clip: {model}/{pretrained} is published outside huggingface.co. {choose_another}")
    with fetching(output) as folder:
        download(repository, None, [CONFIG_FILE, WEIGHTS_FILE], folder, "prompts: clip")
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            if not os.path.exists(os.path.join(folder, name)):
                raise UserError(f"prompts: clip: {repository} holds no {name}. {choose_another}")
        with open(os.path.join(folder, CONFIG_FILE), encoding="utf-8") as file:
            tokenizer = json.load(file)["model_cfg"]["text_cfg"].get("hf_tokenizer_name")
        if tokenizer:
            download(tokenizer, None, TOKENIZER_FILES, folder, "prompts: clip")


if __name__ == "__main__":
    with job(snakemake):
        fetch_clip_model(snakemake.params.model, snakemake.params.pretrained, snakemake.output[0])
