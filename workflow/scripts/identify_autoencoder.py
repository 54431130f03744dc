"""Check and fingerprint one autoencoder; read its weights and their origin, write a fingerprints table."""

from collections.abc import Mapping
from typing import Any

from aedr.jobs import job


def identify_autoencoder(
    name: str, loading: Mapping[str, Any], manifest: str, output: str, key: str, must_reproduce: bool = True
) -> None:
    """Write one row that identifies the autoencoder `name`.

    `loading` are arguments of `load_autoencoder`. `manifest` is the file that records where the weights were
    fetched from, a JSON file; for local weights, it is their folder or file. `key` is the configuration's key for the
    autoencoder. With `must_reproduce`, it is refused if it does not reproduce a photograph.
    """
    import json
    from pathlib import Path

    import diffusers
    import torch

    from aedr.autoencoders.fingerprints import fingerprint, sketch, used_tensors
    from aedr.autoencoders.loading import load_autoencoder
    from aedr.autoencoders.reproduction import check_reproduction
    from aedr.errors import UserError
    from aedr.tables.files import write_table

    autoencoder = load_autoencoder(device=torch.device("cpu"), precision="float32", **loading)
    if must_reproduce:
        check_reproduction(autoencoder, key)
    origin = {"repository": None, "commit": None}
    if manifest.endswith(".json"):
        try:
            # A model's own repository is recorded before that of its prior.
            record = json.loads(Path(manifest).read_text(encoding="utf-8"))[0]
            origin = {key: record[key] for key in origin}
        except (ValueError, LookupError, TypeError):
            raise UserError(f"{manifest} does not say where the weights are from. Delete it and run again.") from None
    encoder, decoder = used_tensors(autoencoder)
    row = {
        "autoencoder": name,
        "class": type(autoencoder.network).__name__,
        "repository": origin["repository"],
        "revision": origin["commit"],
        "encoder_sha256": fingerprint(encoder),
        "decoder_sha256": fingerprint(decoder),
        "encoder_sketch": sketch(encoder),
        "decoder_sketch": sketch(decoder),
        "parameters": sum(parameter.numel() for parameter in autoencoder.network.parameters()),
        "latent_channels": autoencoder.network.config.get("latent_channels"),
        "factor": autoencoder.factor,
    }
    write_table(output, "fingerprints", [row], {"torch": torch.__version__, "diffusers": diffusers.__version__})


if __name__ == "__main__":
    with job(snakemake):
        identify_autoencoder(
            name=snakemake.wildcards.autoencoder,
            loading=snakemake.params.loading,
            manifest=snakemake.input.weights,
            output=snakemake.output[0],
            key=snakemake.params.key,
            must_reproduce=snakemake.params.must_reproduce,
        )
