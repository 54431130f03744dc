"""Train one demo model's autoencoder on the photographs' training parts and save it in diffusers' format."""

from collections.abc import Mapping
from typing import Any

from aedr.jobs import job


def train_demo_autoencoder(
    output: str,
    figures: str,
    model: str,
    architecture: Mapping[str, Any],
    photographs: Mapping[str, Mapping[str, Any]],
    pictures: Mapping[str, Any],
    crops: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the autoencoder's folder `output` (float32), and its quality and cost to the JSON file `figures`.

    architecture: diffusers class and config. The other settings are sections of demo/training.yaml. The same settings
    and seed give the same weights on the same machine.
    """
    import json
    import time
    from pathlib import Path

    import numpy
    import torch

    from aedr.demo import autoencoders
    from aedr.demo.photographs import held_out_crops, load_training_parts
    from aedr.demo.pictures import draw_pictures
    from aedr.devices import pick_device
    from aedr.reconstruction.pixels import to_tensor
    from aedr.seeds import seed_of

    device = pick_device("cpu")
    torch.set_flush_denormal(True)
    torch.manual_seed(seed_of(seed, model, "autoencoder"))
    generator = torch.Generator().manual_seed(seed_of(seed, model, "noise"))
    rng = numpy.random.default_rng(seed_of(seed, model, "pictures"))
    parts = load_training_parts(photographs)

    def draw(count: int, native_share: float = training["native_share"]) -> numpy.ndarray:
        return draw_pictures(rng, count, parts, photographs, pictures, native_share)[0]

    started = time.process_time()
    untrained = autoencoders.build_autoencoder(architecture)
    autoencoder = autoencoders.train_autoencoder(untrained, draw, training, generator)
    seconds = time.process_time() - started
    shifts = "shift_factor" in architecture["config"]
    mean, deviation = autoencoders.set_scaling(autoencoder, torch.from_numpy(draw(256, 0.0)), shifts)
    held_out = to_tensor([numpy.asarray(crop) for _, crop in held_out_crops(photographs, crops)], device)
    psnr = autoencoders.measure_psnr(autoencoder, held_out)
    psnr_object = autoencoders.measure_psnr(autoencoder, torch.from_numpy(draw(96, 0.0)))
    autoencoder.network.save_pretrained(output)
    Path(figures).write_text(
        json.dumps(
            {
                "model": model,
                "parameters": sum(weights.numel() for weights in autoencoder.network.parameters()),
                "steps": training["steps"],
                "cpu_seconds": round(seconds),
                "psnr_training": round(psnr_object, 2),
                "psnr_held_out": round(psnr, 2),
                "latent_mean": mean,
                "latent_deviation": deviation,
            },
            indent=1,
        )
        + "\n"
    )


if __name__ == "__main__":
    with job(snakemake):
        train_demo_autoencoder(
            output=snakemake.output.autoencoder, figures=snakemake.output.figures, **snakemake.params.settings
        )
