"""Embed every phrase of the vocabulary with the CLIP model, once per study."""

from aedr.jobs import job

PHRASES_PER_BATCH = 256


def embed_vocabulary(vocabulary: str | None, clip: str, output: str, device: str) -> None:
    """Write the vocabulary table of the folder `vocabulary` (None: clip-interrogator's) for the model in `clip`."""
    from aedr.prompts.vocabulary import read_vocabulary

    phrases = read_vocabulary(vocabulary)

    import open_clip
    import pandas as pd
    import torch

    from aedr.devices import pick_device
    from aedr.prompts.clip import load_clip
    from aedr.tables.files import write_table

    model = load_clip(clip, pick_device(device))
    rows = [
        pd.DataFrame({"kind": kind, "phrase": found, "embedding": list(model.embed_phrases(found, PHRASES_PER_BATCH))})
        for kind, found in phrases.items()
    ]
    metadata = {
        "settings": {"clip": clip, "vocabulary": vocabulary or "clip-interrogator"},
        "open_clip": open_clip.__version__,
        "torch": torch.__version__,
        "device": str(model.device),
    }
    write_table(output, "vocabulary", pd.concat(rows, ignore_index=True), metadata)


if __name__ == "__main__":
    with job(snakemake):
        embed_vocabulary(
            snakemake.params.vocabulary, snakemake.input.clip, snakemake.output[0], snakemake.params.cost["device"]
        )
