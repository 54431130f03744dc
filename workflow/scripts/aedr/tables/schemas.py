"""The tables between the rules: the columns of each, which of them identify a row, and where its files are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from aedr.tables.columns import COLUMNS, INFINITE, MEASURES, OPPONENTS, Bounds


@dataclass(frozen=True)
class Table:
    """One table.

    `path` is where its files are below the results folder, `row` what a row is. The columns of `key` identify a row;
    those of `required` are never empty, those of `optional` may be. `bounds` are narrower than the columns' own.
    """

    path: str
    row: str
    key: tuple[str, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    bounds: Mapping[str, Bounds] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema: required columns, then optional ones."""
        return pa.schema(
            [pa.field(name, COLUMNS[name].type, nullable=name not in self.required) for name in self.columns]
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns, in their order."""
        return self.required + self.optional

    def bounds_of(self, column: str) -> Bounds:
        """Return the closed bounds of a column's numbers in this table."""
        return self.bounds.get(column, COLUMNS[column].bounds)


FINGERPRINT = ("autoencoder", "class", "encoder_sha256", "decoder_sha256", "parameters", "factor")
# Empty for a local folder; latent_channels if the autoencoder's configuration does not state them.
ORIGIN = ("repository", "revision", "latent_channels")

# What an image's file says about its origin, as the file says it.
CLAIM_FIELDS = (
    *("claimed_generator", "claimed_model", "claimed_model_hash", "claimed_vae", "claimed_vae_hash"),
    *("claimed_sampler", "claimed_size", "claimed_software", "claimed_camera", "claimed_source_type"),
    *("credentials_issuer", "credentials_actions", "credentials_validity", "watermark"),
)
CLAIMS = (*CLAIM_FIELDS, "claimed_in")

# What the first stage says of an image that was asked about.
DECIDED = ("image_id", "verdict", "autoencoders")
WHY = ("reason", "history_in_words", "sha256", "width", "height", "evidence")

# An autoencoder's view of a source, by one signal.
CELL = (
    *("autoencoder", "source", "metric", "signal", "protocol", "belonging", "images", "own_images", "unusable"),
    *("accepted", "acceptance_rate", "accuracy", "accuracy_low", "accuracy_high"),
)
CELL_KEY = ("autoencoder", "source", "metric", "signal", "protocol")
# Empty for its own images.
CELL_OF_OTHERS = ("auc", "true_positive_rate_at_1_percent")

TABLES = {
    "prompts": Table(
        "prompts.parquet",
        "a prompt",
        key=("prompt_id",),
        required=("prompt_id",),
        optional=("prompt", "image_id", "caption", "reason"),
    ),
    "vocabulary": Table(
        "vocabulary.parquet",
        "a phrase that competes for a place in prompts",
        key=("kind", "phrase"),
        required=("kind", "phrase", "embedding"),
    ),
    "images": Table(
        "images/{source}/{shard}.parquet",
        "an image",
        key=("image_id",),
        required=("image_id", "source"),
        optional=(
            *("prompt_id", "prompt", "seed", "transform", "width", "height", "format", "sha256", "image", "reason"),
        ),
    ),
    "fingerprints": Table(
        "autoencoders/{autoencoder}.parquet",
        "an autoencoder",
        key=("autoencoder",),
        required=(*FINGERPRINT, "encoder_sketch", "decoder_sketch"),
        optional=ORIGIN,
    ),
    "autoencoders": Table(
        "autoencoders.parquet",
        "an autoencoder",
        key=("autoencoder",),
        required=(*FINGERPRINT, "family", "shares_encoder_with"),
        optional=ORIGIN,
    ),
    "losses": Table(
        "losses/{autoencoder}/{source}/{shard}.parquet",
        "an image and a metric",
        key=("image_id", "autoencoder", "metric"),
        required=("image_id", "source", "autoencoder", "metric", "fit"),
        optional=(
            *("first_loss", "second_loss", "width", "height", "offset_rows", "offset_columns", "orientation", "reason"),
        ),
    ),
    "histories": Table(
        "histories/{source}/{shard}.parquet",
        "an image",
        key=("image_id",),
        required=("image_id", "source"),
        optional=("history", "history_in_words", "stored", "reason"),
    ),
    "claims": Table(
        "claims/query/{shard}.parquet",
        "an image that was asked about",
        key=("image_id",),
        required=("image_id", "source", "claims_in_words"),
        optional=(*CLAIMS, "reason"),
    ),
    "homogeneity": Table(
        "homogeneity/{source}/{shard}.parquet",
        "an image",
        key=("image_id",),
        required=("image_id", "source", "group"),
        optional=("homogeneity", "reason"),
    ),
    "signals": Table(
        "signals.parquet",
        "an image, an autoencoder and a metric",
        key=("image_id", "autoencoder", "metric"),
        required=("image_id", "source", "group", "autoencoder", "metric", "belonging", "split"),
        optional=(
            *("first_loss", "second_loss", "homogeneity", "loss_ratio", "calibrated_ratio", "power_ratio", "residual"),
            *("capped_ratio", "width", "height", "reason"),
        ),
    ),
    "fitted_parameters": Table(
        "fitted_parameters.parquet",
        "an autoencoder and a metric",
        key=("autoencoder", "metric"),
        required=("autoencoder", "metric", "exponent", "slope", "intercept", "cap"),
    ),
    "thresholds": Table(
        "thresholds.parquet",
        "an autoencoder, a metric, a signal and a protocol",
        key=("autoencoder", "metric", "signal", "protocol"),
        required=(
            *("autoencoder", "metric", "signal", "protocol"),
            *("alpha", "threshold", "threshold_low", "threshold_high", "images"),
        ),
        bounds={"images": (2, INFINITE)},
    ),
    "accuracy": Table(
        "accuracy.parquet",
        "a cell of the matrix: an autoencoder, a source, a metric, a signal and a protocol",
        key=CELL_KEY,
        required=CELL,
        optional=CELL_OF_OTHERS,
    ),
    "robustness": Table(
        "robustness/{transform}.parquet",
        "a cell of the matrix of damaged images: one of the accuracy table's, after a transform",
        key=("transform", *CELL_KEY),
        required=("transform", *CELL),
        optional=CELL_OF_OTHERS,
    ),
    "methods": Table(
        "methods.parquet",
        "a method and an autoencoder, or a method's mean over the autoencoders",
        key=("method", "autoencoder"),
        required=(
            *("method", "autoencoder", "metric", "signal", "autoencoder_count"),
            *("seconds_per_image", "peak_memory_bytes", "device"),
        ),
        # Empty if there are no sources of that kind, or the method is scored on held-out images alone.
        optional=tuple(f"{measure}_against_{kind}" for kind in OPPONENTS for measure in MEASURES),
    ),
    "paper": Table(
        "paper.parquet",
        "a figure that the paper reports and the study measured; without models of the paper there is no file",
        key=(
            *("paper_table", "quantity", "paper_autoencoder", "paper_source"),
            *("autoencoder", "source", "metric", "signal"),
        ),
        required=(
            *("paper_table", "quantity", "paper_autoencoder", "paper_source", "autoencoder", "source"),
            *("metric", "signal", "reported", "measured", "difference"),
        ),
    ),
    "reference": Table(
        "calibration.parquet",
        "an image of the study under an autoencoder by a metric, as attribution needs it",
        key=("autoencoder", "image_id", "metric"),
        required=(
            *("autoencoder", "image_id", "metric", "source", "group", "belonging", "value"),
            *("homogeneity", "width", "height", "first_loss"),
        ),
        optional=("second_loss",),
    ),
    "denoising": Table(
        "second_stage/errors/{model}/{source}/{shard}.parquet",
        "an image, a model, a noise level and a noise; of an image without errors, there is one row with the reason",
        key=("image_id", "model", "level", "noise"),
        required=("image_id", "source", "model", "level", "noise"),
        optional=("error", "width", "height", "reason"),
    ),
    "model_reference": Table(
        "second_stage/calibration.parquet",
        "an image of a family and a model of that family, as the second stage needs it",
        key=("image_id", "model"),
        required=("image_id", "source", "group", "family", "model", "split", "errors"),
    ),
    "model_signals": Table(
        "second_stage/signals.parquet",
        "an image of a family and a model of that family",
        key=("image_id", "model"),
        required=("image_id", "source", "family", "model"),
        optional=("split", "z_score", "log_error", "margin", "p_value", "reason"),
    ),
    "confusion": Table(
        "second_stage/confusion.parquet",
        "an answer about the held-out images of a source of a family",
        key=("family", "score", "protocol", "left_out", "source", "answer"),
        required=(
            *("family", "score", "protocol", "left_out", "source", "answer", "answered", "images"),
            *("share", "share_low", "share_high"),
        ),
        bounds={"images": (1, INFINITE)},
    ),
    "denoiser_calls": Table(
        "second_stage/calls.parquet",
        "a number of noise levels and of noises: how many held-out images are named rightly by them",
        key=("family", "score", "levels", "noises"),
        required=(
            "family",
            "score",
            "levels",
            "noises",
            "calls",
            "answered",
            "images",
            "share",
            "share_low",
            "share_high",
        ),
    ),
    "stage_costs": Table(
        "second_stage/costs.parquet",
        "a stage and a model: what it costs to ask about one image",
        key=("family", "stage", "model"),
        required=("family", "stage", "model", "seconds_per_image", "peak_memory_bytes", "device"),
    ),
    "verdicts": Table(
        "verdicts/verdicts.parquet",
        "an image that was asked about",
        key=("image_id",),
        required=DECIDED,
        optional=(
            *WHY,
            *("model_verdict", "models", "model_reason", "model_evidence"),
            *("claim_agreement", "claims_in_words", *CLAIMS),
        ),
    ),
}
