"""The reference page of the tables, made from their schemas: python -m aedr.tables.page > PAGE."""

from collections.abc import Iterator

import pyarrow as pa

from aedr.tables.files import INFINITE, MEASURES, OPPONENTS, TABLES, Table

HEAD = """# Tables

Every Parquet file that the workflow writes, made from `workflow/scripts/aedr/tables/files.py` by `make docs/tables.md`.
A file is checked against this page whenever it is written or read. Rows are joined by `image_id`, never by position. A
column in bold identifies a row, alone or with others; a column with a question mark may be empty. `results/` is the
folder that `results` names in the configuration.
"""

# The file or files of each table, and what a row of it is.
FILES = {
    "prompts": ("prompts.parquet", "a prompt"),
    "vocabulary": ("vocabulary.parquet", "a phrase that competes for a place in prompts"),
    "images": ("images/{source}/{shard}.parquet", "an image"),
    "fingerprints": ("autoencoders/{autoencoder}.parquet", "an autoencoder"),
    "autoencoders": ("autoencoders.parquet", "an autoencoder"),
    "losses": ("losses/{autoencoder}/{source}/{shard}.parquet", "an image and a metric"),
    "homogeneity": ("homogeneity/{source}/{shard}.parquet", "an image"),
    "signals": ("signals.parquet", "an image, an autoencoder and a metric"),
    "calibrations": ("calibrations.parquet", "an autoencoder and a metric"),
    "thresholds": ("thresholds.parquet", "an autoencoder, a metric, a signal and a protocol"),
    "accuracy": (
        "accuracy.parquet",
        "a cell of the matrix: an autoencoder, a source, a metric, a signal and a protocol",
    ),
    "robustness": (
        "robustness/{transform}.parquet",
        "a cell of the matrix of damaged images: one of the accuracy table's, after a transform",
    ),
    "methods": ("methods.parquet", "a method and an autoencoder, or a method's mean over the autoencoders"),
    "reference": ("calibration.parquet", "an image of the study under an autoencoder, as attribution needs it"),
    "verdicts": ("verdicts/verdicts.parquet", "an image that was asked about"),
}

# What a column means, in every table that has it.
MEANINGS = {
    "accepted": "images whose signal is below the threshold",
    "acceptance_rate": "their share of the usable images",
    "accuracy": "mean of the shares of own images accepted and of this source's rejected; on own images the first",
    "accuracy_high": "upper end of its 95 % bootstrap interval",
    "accuracy_low": "lower end of its 95 % bootstrap interval",
    "alpha": "significance level: the share of own images that the threshold gives up",
    "auc": "area under the ROC curve of own images against this source's",
    "autoencoder": "the inspected autoencoder; a family goes by its first member",
    "autoencoders": "of a verdict, the families that it names; of a method, how many it was measured on",
    "belonging": "whether the autoencoder decoded these images",
    "calibrated_ratio": "loss ratio times homogeneity: AEDR as published",
    "caption": "what the captioner said of the photograph",
    "class": "class in diffusers",
    "corrected_p_value": "share of real reference images that come as near to any of the autoencoders",
    "decoder_sha256": "hash of the decoder's weights, rounded to float16",
    "device": "a GPU's name, or cpu",
    "embedding": "the phrase in the CLIP model's space",
    "encoder_sha256": "hash of the encoder's weights, rounded to float16",
    "evidence": "what each autoencoder says of the image",
    "exponent": "power of homogeneity, fitted on own images",
    "factor": "pixels of an image along a latent's side",
    "family": "first autoencoder with the same weights",
    "first_loss": "distance of the image from its reconstruction",
    "fit": "how the image was brought to the grid: whole, cropped, resized, searched, or none where it could not be",
    "format": "file format of the picture",
    "height": "in pixels; of losses: as reconstructed",
    "homogeneity": "how smooth the picture is, from its grey-level co-occurrence matrix",
    "image": "the picture's own bytes, and its path",
    "image_id": "the source and the image's name in it",
    "images": "images counted here",
    "intercept": "of the regression of log first loss on log second loss, over own images",
    "kind": "medium, artist, trending, movement or flavor",
    "latent_channels": "channels of a latent",
    "loss_ratio": "first loss divided by the second",
    "method": "AEDR as published, other signals of its reconstructions, or a rival",
    "metric": "how a reconstruction is compared with its image, or the name of a rival",
    "offset_columns": "columns cut at the left to return to the grid",
    "offset_rows": "rows cut at the top to return to the grid",
    "own_images": "own images that the cell's accuracy counts",
    "parameters": "numbers in its weights",
    "peak_memory_bytes": "the most that a job held: resident on the CPU, allocated by torch on a GPU",
    "phrase": "as it competes",
    "power_ratio": "loss ratio times a power of homogeneity, fitted on own images",
    "prompt": "the text that the model was given",
    "prompt_id": "identity of the prompt",
    "protocol": (
        "`published`: scored on the images that thresholds were fitted on; `held_out`: on others; of damaged images, "
        "what thresholds were fitted on: `untouched` images or ones damaged `alike`"
    ),
    "reason": "why there is no value, in words",
    "repository": "on the Hugging Face hub; empty for a local folder",
    "residual": "log first loss minus its regression on log second loss, fitted on own images",
    "revision": "commit of the repository",
    "second_loss": "distance of the reconstruction from its own reconstruction",
    "seconds_per_image": "of the work on images, without imports and the loading of weights",
    "seed": "of the image's noise",
    "sha256": "hash of the picture's bytes",
    "shares_encoder_with": "families with the same encoder and another decoder",
    "signal": "the number that is small for own images, or its name",
    "slope": "of the regression of log first loss on log second loss, over own images",
    "source": "model or image set that the image comes from",
    "split": "which part the image is in: `calibration`, to fit on, or `test`, to score on",
    "threshold": "the signal below which an image is accepted",
    "threshold_high": "upper end of its 95 % bootstrap interval",
    "threshold_low": "lower end of its 95 % bootstrap interval",
    "transform": "what damaged the images; empty for untouched ones",
    "true_positive_rate_at_1_percent": "share of own images accepted where 1 % of this source's are",
    "unusable": "images without a signal; their rows say why",
    "verdict": "family, several possible, none of these, or cannot say",
    "width": "in pixels; of losses: as reconstructed",
}

MEANINGS |= {
    f"{measure}_against_{opponents}": f"mean over {opponents.replace('_', ' ')}"
    + (", by the published protocol" if measure.startswith("published") else ", held out")
    for measure in MEASURES
    for opponents in OPPONENTS
}


def tables_page() -> str:
    """Return the page in Markdown: a section for each table.

    Raises:
        KeyError: a table or a column has no words here.
    """
    return "\n".join([HEAD, *(line for name, table in TABLES.items() for line in _section(name, table))]) + "\n"


def _section(name: str, table: Table) -> Iterator[str]:
    path, row = FILES[name]
    yield f"## {name}\n"
    yield f"`results/{path}`: a row is {row}.\n"
    yield "| column | type | bounds | meaning |"
    yield "|---|---|---|---|"
    for column in table.schema:
        shown = f"**`{column.name}`**" if column.name in table.key else f"`{column.name}`" + "?" * column.nullable
        bounds = _bounds(*table.bounds.get(column.name, (-INFINITE, INFINITE)))
        yield f"| {shown} | {_type_name(column.type)} | {bounds} | {MEANINGS[column.name]} |"
    yield ""


def _bounds(lowest: float, highest: float) -> str:
    if highest == INFINITE:
        return "" if lowest == -INFINITE else f"at least {lowest}"
    return f"{lowest} to {highest}"


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_type_name(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "; ".join(f"{part.name}: {_type_name(part.type)}" for part in kind)
    return {"double": "float64", "float": "float32"}.get(str(kind), str(kind))


if __name__ == "__main__":
    print(tables_page(), end="")
