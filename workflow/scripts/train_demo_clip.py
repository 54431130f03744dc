"""Train the demo's CLIP model on crops of the six photographs and the phrases of the demo's vocabulary."""

from collections.abc import Mapping
from typing import Any

from aedr.jobs import job


def train_demo_clip(training: str, vocabulary: str, output: str, settings: Mapping[str, Any]) -> None:
    """Write a CLIP model in float16 and its tokenizer to the folder `output`, in the format that open_clip reads.

    training: demo/training.yaml; vocabulary: the folder demo/vocabulary; settings: the rule's parameters.
    """
    import json
    from pathlib import Path

    import numpy as np
    import open_clip
    import torch
    import yaml
    from safetensors.torch import save_file

    from aedr.demo.clip import build_phrase_tokenizer, describe_model, train_clip, true_phrases
    from aedr.demo.photographs import load_training_parts
    from aedr.demo.pictures import draw_pictures
    from aedr.prompts.clip import CONFIG_FILE, WEIGHTS_FILE
    from aedr.prompts.vocabulary import read_vocabulary

    torch.set_num_threads(1)
    torch.manual_seed(settings["seed"])
    rng = np.random.default_rng(settings["seed"])
    demo = yaml.safe_load(Path(training).read_text(encoding="utf-8"))
    photographs = demo["photographs"]
    phrases = read_vocabulary(vocabulary)
    everything = [phrase for found in phrases.values() for phrase in found]
    everything += [entry["caption"] for entry in photographs.values()]
    everything = list(dict.fromkeys(everything))

    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_phrase_tokenizer(everything, settings["vocabulary_size"], settings["text"]["context_length"])
    tokenizer.save_pretrained(folder)
    config = describe_model(settings, demo["pictures"]["size"], len(tokenizer), tokenizer.eos_token_id)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    parts = load_training_parts(photographs)
    pictures, names, looks = draw_pictures(
        rng, settings["pictures"], parts, photographs, demo["pictures"], settings["native_share"]
    )
    truths = true_phrases(names, looks, photographs, phrases, everything)
    model = open_clip.model.CLIP(**config["model_cfg"])
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(everything)
    train_clip(model, pictures, tokens, truths, settings, rng)
    weights = {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE)


if __name__ == "__main__":
    with job(snakemake):
        train_demo_clip(
            training=snakemake.input.training,
            vocabulary=snakemake.params.vocabulary,
            output=snakemake.params.folder,
            settings=snakemake.params.settings,
        )
