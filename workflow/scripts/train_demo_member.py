"""Train one model that shares another demo model's autoencoder, starting from that model, and save its pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def train_demo_member(
    base: str,
    vocabulary: Sequence[str],
    output: str,
    figures: str,
    model: str,
    anew: bool,
    lora: Mapping[str, Any] | None,
    architecture: Mapping[str, Any],
    text: Mapping[str, Any],
    photographs: Mapping[str, Mapping[str, Any]],
    pictures: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the pipeline's folder `output` (float32), and its cost to the JSON file `figures`.

    base: the folder of the pipeline whose autoencoder is shared; vocabulary: the files of demo/vocabulary, all in one
    folder; anew: whether the denoiser and the text encoders start from random weights instead of the base's; lora:
    arguments of peft's LoraConfig, if only such an adapter is trained, and then merged; architecture: the base's entry
    in demo/training.yaml; the other settings are sections of that file.
    """
    import json
    import time
    from pathlib import Path

    import numpy
    import torch

    from aedr.autoencoders.loading import load_autoencoder
    from aedr.demo import diffusion
    from aedr.demo.photographs import load_training_parts
    from aedr.demo.pictures import draw_pictures
    from aedr.demo.text import compose_prompt
    from aedr.devices import pick_device
    from aedr.images.pipelines import load_pipeline
    from aedr.prompts.vocabulary import read_vocabulary
    from aedr.seeds import seed_of

    device = pick_device("cpu")
    torch.set_flush_denormal(True)
    trained = load_autoencoder(base, "float32", device)
    torch.manual_seed(seed_of(seed, model, "denoiser"))
    generator = torch.Generator().manual_seed(seed_of(seed, model, "diffusion"))
    rng = numpy.random.default_rng(seed_of(seed, model, "prompts"))
    phrases = read_vocabulary(Path(vocabulary[0]).parent)
    parts = load_training_parts(photographs)

    started = time.process_time()
    pipeline = load_pipeline(base, model, {"pipeline": architecture["pipeline"], "precision": "float32"}, device)
    if anew:
        pipeline = diffusion.build_pipeline(architecture, text, trained, pipeline.tokenizer)
    targets, names, looks = diffusion.prepare_latents(
        trained, lambda count: draw_pictures(rng, count, parts, photographs, pictures), training["latents"]
    )

    def draw_prompt(index: int) -> str:
        return compose_prompt(rng, photographs[names[index]], looks[index], phrases)

    with diffusion.merged_adapter(pipeline, lora):
        loss = diffusion.train_pipeline(pipeline, targets, draw_prompt, training, generator)
    pipeline.save_pretrained(output)
    Path(figures).write_text(
        json.dumps(
            {
                "model": model,
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
        train_demo_member(
            base=snakemake.input.base,
            vocabulary=snakemake.input.vocabulary,
            output=snakemake.output.pipeline,
            figures=snakemake.output.figures,
            **snakemake.params.settings,
        )
