"""Train one demo model's denoiser and text encoders around its autoencoder and save the pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def train_demo_diffusion(
    autoencoder: str,
    vocabulary: Sequence[str],
    output: str,
    figures: str,
    model: str,
    architecture: Mapping[str, Any],
    text: Mapping[str, Any],
    photographs: Mapping[str, Mapping[str, Any]],
    pictures: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the pipeline's folder `output` (float32), and its cost to the JSON file `figures`.

    autoencoder: the trained autoencoder's folder; vocabulary: the files of demo/vocabulary, all in one folder;
    architecture: the model's entry in demo/training.yaml; the other settings are sections of that file.
    """
    import json
    import tempfile
    import time
    from pathlib import Path

    import numpy
    import torch

    from aedr.autoencoders.loading import load_autoencoder
    from aedr.demo import diffusion
    from aedr.demo.photographs import load_training_parts
    from aedr.demo.pictures import draw_pictures
    from aedr.demo.text import build_prompt_tokenizer, compose_prompt
    from aedr.devices import pick_device
    from aedr.prompts.vocabulary import read_vocabulary
    from aedr.seeds import seed_of

    device = pick_device("cpu")
    torch.set_flush_denormal(True)
    # Before the seed: a codebook draws from torch's generator while it is loaded.
    trained = load_autoencoder(autoencoder, "float32", device)
    torch.manual_seed(seed_of(seed, model, "denoiser"))
    generator = torch.Generator().manual_seed(seed_of(seed, model, "diffusion"))
    rng = numpy.random.default_rng(seed_of(seed, model, "prompts"))
    parts = load_training_parts(photographs)
    phrases = read_vocabulary(Path(vocabulary[0]).parent)
    texts = [phrase for kind in phrases.values() for phrase in kind]
    texts += [entry["caption"] for entry in photographs.values()]

    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = build_prompt_tokenizer(folder, texts, text["vocabulary_size"], text["length"])
    pipeline = diffusion.build_pipeline(architecture, text, trained, tokenizer)
    targets, names, looks = diffusion.prepare_latents(
        trained, lambda count: draw_pictures(rng, count, parts, photographs, pictures), training["latents"]
    )

    def draw_prompt(index: int) -> str:
        return compose_prompt(rng, photographs[names[index]], looks[index], phrases)

    loss = diffusion.train_pipeline(pipeline, targets, draw_prompt, training, generator)
    pipeline.save_pretrained(output)
    Path(figures).write_text(
        json.dumps(
            {
                "model": model,
                "parameters": sum(weights.numel() for weights in diffusion.trained_modules(pipeline).parameters()),
                "steps": training["steps"],
                "cpu_seconds": round(time.process_time() - started),
                "loss": round(loss, 4),
            },
            indent=1,
        )
        + "\n"
    )


if __name__ == "__main__":
    with job(snakemake):
        train_demo_diffusion(
            autoencoder=snakemake.input.autoencoder,
            vocabulary=snakemake.input.vocabulary,
            output=snakemake.output.pipeline,
            figures=snakemake.output.figures,
            **snakemake.params.settings,
        )
