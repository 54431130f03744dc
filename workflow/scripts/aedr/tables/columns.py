"""The columns of all tables, each with its type, its bounds and its meaning."""

from dataclasses import dataclass

import pyarrow as pa

INFINITE = float("inf")
Bounds = tuple[float, float]

ANYTHING: Bounds = (-INFINITE, INFINITE)
NOT_NEGATIVE: Bounds = (0, INFINITE)
POSITIVE: Bounds = (1, INFINITE)
SHARE: Bounds = (0, 1)

BOOLEAN, TEXT, INTEGER, LONG, NUMBER = pa.bool_(), pa.string(), pa.int32(), pa.int64(), pa.float64()
PICTURE = pa.struct([("bytes", pa.binary()), ("path", TEXT)])


@dataclass(frozen=True)
class Column:
    """A column's type, what it means in every table that has it, and the closed bounds of its numbers."""

    type: pa.DataType
    meaning: str
    bounds: Bounds = ANYTHING


# What the methods table gives for each method, and against which sources.
MEASURES = ("accuracy", "auc", "true_positive_rate_at_1_percent", "same_images_accuracy")
OPPONENTS = ("other_models", "real_images")

# What one autoencoder says about an image, in the column `evidence` of the verdicts table.
EVIDENCE = {
    "autoencoder": Column(TEXT, "the autoencoder, named after the first member of its family"),
    "signal": Column(NUMBER, "the image's signal under this autoencoder; if it is bounded, at least so much"),
    "is_bounded": Column(
        BOOLEAN,
        "whether the image is farther out than every own image whatever its control loses, so no more was measured",
    ),
    "p_value": Column(NUMBER, "share of its own reference images whose signal is as large or larger"),
    "corrected_p_value": Column(NUMBER, "share of real reference images that come as near to any of the autoencoders"),
    "foreign_p_value": Column(
        NUMBER,
        "the same share of images of another source, which this autoencoder did not decode; the largest of all sources",
    ),
    "foreign_source": Column(TEXT, "the source that has it"),
    "width": Column(INTEGER, "of the image as it was reconstructed"),
    "height": Column(INTEGER, "of the image as it was reconstructed"),
    "offset_rows": Column(INTEGER, "rows cut at the top to return to the grid"),
    "offset_columns": Column(INTEGER, "columns cut at the left to return to the grid"),
    "orientation": Column(INTEGER, "how it was turned before it was reconstructed, as in the losses table"),
    "obstacle": Column(TEXT, "why the image cannot be attributed to it although its signal is near"),
    "caveat": Column(TEXT, "why the p-values may not hold"),
}

# What one model of the family says about an image, in the column `model_evidence` of the verdicts table.
MODEL_EVIDENCE = {
    "model": Column(TEXT, "the model whose denoiser was asked"),
    "signal": Column(NUMBER, "the image's signal under this model"),
    "p_value": Column(NUMBER, "share of its own reference images whose signal is as large or larger"),
    "foreign_p_value": Column(
        NUMBER,
        "share of reference images of another source of the family that come as near; the largest of all sources",
    ),
    "foreign_source": Column(TEXT, "the source that has it"),
}

ACCURACY_INTERVAL = "a 95 % interval of the accuracy that this very threshold has on new images of the same sources"
THRESHOLD_INTERVAL = (
    "a 95 % bootstrap interval of the threshold: own images are drawn again, and a chosen level is chosen again; too "
    "narrow with few images"
)

COLUMNS = {
    "acceptance_rate": Column(NUMBER, "share of the usable images that are accepted", SHARE),
    "accepted": Column(INTEGER, "images whose signal is below the threshold", NOT_NEGATIVE),
    "accuracy": Column(
        NUMBER,
        "mean of two shares: own images accepted, and this source's images rejected; for own images, only the first",
        SHARE,
    ),
    "accuracy_high": Column(NUMBER, f"upper end of {ACCURACY_INTERVAL}", SHARE),
    "accuracy_low": Column(NUMBER, f"lower end of {ACCURACY_INTERVAL}", SHARE),
    "alpha": Column(NUMBER, "significance level: the share of own images that the threshold is set to reject", SHARE),
    "answer": Column(TEXT, "what is said of the images: a model, or one of the second stage's other answers"),
    "answered": Column(INTEGER, "images of which this is said", NOT_NEGATIVE),
    "auc": Column(NUMBER, "area under the ROC curve of own images against this source's", SHARE),
    "autoencoder": Column(TEXT, "the autoencoder; a family is named after its first member"),
    "autoencoder_count": Column(INTEGER, "how many autoencoders the method was measured on", POSITIVE),
    "autoencoders": Column(pa.list_(TEXT), "the families that the verdict names"),
    "belonging": Column(BOOLEAN, "whether the images are the autoencoder's own (the paper's belonging images)"),
    "calibrated_ratio": Column(NUMBER, "loss ratio times homogeneity: AEDR as published"),
    "calls": Column(INTEGER, "how often a denoiser is asked about an image: levels times noises", POSITIVE),
    "cap": Column(NUMBER, "second loss that 99 % of own images are below"),
    "capped_ratio": Column(NUMBER, "first loss divided by the second, or by the cap if that is smaller"),
    "caption": Column(TEXT, "the image's caption"),
    "claim_agreement": Column(
        TEXT,
        "whether the autoencoder, or else the model, that the file claims is of the verdict's family: agrees, "
        "contradicts, nothing claimed, or cannot be compared; a claim never changes a verdict",
    ),
    "claimed_camera": Column(TEXT, "maker and model of a camera, by EXIF"),
    "claimed_generator": Column(TEXT, "the tool or the service that the image is said to be made with"),
    "claimed_in": Column(TEXT, "where in the file the claims were read"),
    "claimed_model": Column(TEXT, "the name of the model, or of its file"),
    "claimed_model_hash": Column(TEXT, "the hash that is given for it"),
    "claimed_sampler": Column(TEXT, "the sampler"),
    "claimed_size": Column(TEXT, "width and height that the image was generated with, as WIDTHxHEIGHT"),
    "claimed_software": Column(TEXT, "the software that wrote the file, by EXIF, XMP or a text of a PNG"),
    "claimed_source_type": Column(
        TEXT, "the IPTC's digital source type, such as trainedAlgorithmicMedia, by XMP or Content Credentials"
    ),
    "claimed_vae": Column(TEXT, "the name of an autoencoder that is not the model's own"),
    "claimed_vae_hash": Column(TEXT, "the hash that is given for it"),
    "claims_in_words": Column(TEXT, "all that the file claims about its origin, in words; unverified"),
    "class": Column(TEXT, "class in diffusers"),
    "credentials_actions": Column(
        TEXT, "the actions that Content Credentials (C2PA) list, with source type and software"
    ),
    "credentials_issuer": Column(TEXT, "who signed the Content Credentials, by a certificate that is not checked"),
    "credentials_validity": Column(
        TEXT,
        "whether the file is still what was signed: valid, invalid with C2PA's codes, or not checked; no signer is "
        "checked",
    ),
    "decoder_sha256": Column(TEXT, "hash of the weights that decoding uses, rounded to float16"),
    "decoder_sketch": Column(pa.list_(NUMBER), "numbers that compare those weights to bfloat16's precision"),
    "device": Column(TEXT, "a GPU's name, or cpu"),
    "difference": Column(NUMBER, "what was measured minus what the paper reports"),
    "embedding": Column(pa.list_(pa.float32()), "the phrase's embedding by the CLIP model"),
    "encoder_sha256": Column(TEXT, "hash of the weights that encoding uses, rounded to float16"),
    "encoder_sketch": Column(pa.list_(NUMBER), "numbers that compare those weights to bfloat16's precision"),
    "error": Column(NUMBER, "mean square error of the noise that the denoiser predicts", NOT_NEGATIVE),
    "errors": Column(pa.list_(NUMBER), "its error at each level, averaged over noises"),
    "evidence": Column(
        pa.list_(pa.struct([(name, column.type) for name, column in EVIDENCE.items()])),
        "what each autoencoder says of the image",
    ),
    "exponent": Column(NUMBER, "power of homogeneity, fitted on own images"),
    "factor": Column(INTEGER, "pixels per side that one latent stands for", POSITIVE),
    "family": Column(TEXT, "first autoencoder with the same weights"),
    "first_loss": Column(NUMBER, "distance of the image from its reconstruction"),
    "fit": Column(
        TEXT,
        "how the image was brought to the grid: whole, cropped, resized, searched, restored to the size before a "
        "resize, or none if it was not reconstructed",
    ),
    "format": Column(TEXT, "the image's file format"),
    "group": Column(
        TEXT,
        "the same for images that belong together, as the key `group` says; otherwise the image's own id",
    ),
    "height": Column(INTEGER, "in pixels; in losses, of the reconstruction", POSITIVE),
    "history": Column(
        TEXT, "what the image went through after it was decoded, as JSON (`aedr.observations.history.History`)"
    ),
    "history_in_words": Column(TEXT, "the same in words"),
    "homogeneity": Column(NUMBER, "how smooth the image is, from its grey-level co-occurrence matrix", SHARE),
    "image": Column(PICTURE, "the bytes of the image's file, and its path"),
    "image_id": Column(TEXT, "the source and the image's name in it"),
    "images": Column(INTEGER, "images counted here", POSITIVE),
    "intercept": Column(NUMBER, "of the regression of log first loss on log second loss, over own images"),
    "kind": Column(TEXT, "medium, artist, trending, movement or flavor"),
    "latent_channels": Column(INTEGER, "channels of a latent", POSITIVE),
    "left_out": Column(
        TEXT, "the model that was not among those asked, as if it were not in the study; otherwise empty"
    ),
    "level": Column(NUMBER, "noise level: how many times as strong as the latents' share the noise's is", NOT_NEGATIVE),
    "levels": Column(INTEGER, "how many noise levels", POSITIVE),
    "log_error": Column(NUMBER, "logarithm of the model's error, averaged over levels"),
    "margin": Column(NUMBER, "the model's score minus its bias, minus the smallest of the other models': the signal"),
    "loss_ratio": Column(NUMBER, "first loss divided by the second"),
    "measured": Column(NUMBER, "the study's own figure, in the same unit; accuracy on held-out images"),
    "method": Column(TEXT, "AEDR as published, other signals of its reconstructions, or a rival"),
    "metric": Column(TEXT, "how a reconstruction is compared with its image, or the name of a rival"),
    "model": Column(TEXT, "the model whose denoiser was asked"),
    "model_evidence": Column(
        pa.list_(pa.struct([(name, column.type) for name, column in MODEL_EVIDENCE.items()])),
        "what each model of the family says of the image",
    ),
    "model_reason": Column(TEXT, "why no model of the family is named, in words"),
    "model_verdict": Column(
        TEXT,
        "which model of the family: this model, several of these, none of these models, or cannot say which; empty if "
        "the second stage did not ask",
    ),
    "models": Column(pa.list_(TEXT), "the models that the second stage names"),
    "noise": Column(INTEGER, "number of the noise", NOT_NEGATIVE),
    "noises": Column(INTEGER, "how many noises", POSITIVE),
    "offset_columns": Column(INTEGER, "columns cut at the left to return to the grid"),
    "offset_rows": Column(INTEGER, "rows cut at the top to return to the grid"),
    "orientation": Column(
        INTEGER,
        "how the image, as it is stored, was turned before it was reconstructed: 0 to 3 quarter turns "
        "counter-clockwise, 4 to 7 the same of the mirrored image; empty where this was not searched",
        (0, 7),
    ),
    "own_images": Column(INTEGER, "own images that the accuracy counts"),
    "p_value": Column(NUMBER, "share of the model's own held-out images whose signal is as large or larger", SHARE),
    "paper_autoencoder": Column(TEXT, "what the paper calls the model whose autoencoder this is"),
    "paper_source": Column(
        TEXT,
        "what the paper calls the source: a model, `real`, `all other sources` for a mean over these, or `unstated`",
    ),
    "paper_table": Column(TEXT, "the paper's tables that report it"),
    "parameters": Column(LONG, "how many parameters it has", POSITIVE),
    "peak_memory_bytes": Column(
        LONG, "most memory that a job held: resident on the CPU, allocated by torch on a GPU", NOT_NEGATIVE
    ),
    "phrase": Column(TEXT, "its text"),
    "power_ratio": Column(NUMBER, "loss ratio times a power of homogeneity, fitted on own images"),
    "prompt": Column(TEXT, "the text that the model was given"),
    "prompt_id": Column(TEXT, "id of the prompt"),
    "protocol": Column(
        TEXT,
        "`held_out`: scored on images that thresholds were not fitted on, as in the paper; `same_images`: on those "
        "that they were fitted on. For damaged images, what thresholds were fitted on: `untouched` images, or images "
        "damaged `alike`",
    ),
    "quantity": Column(TEXT, "accuracy (a share), seconds_per_image or significance_level"),
    "reason": Column(TEXT, "why there is no value, in words"),
    "reported": Column(NUMBER, "the paper's figure"),
    "repository": Column(TEXT, "on the Hugging Face hub; empty for a local folder"),
    "residual": Column(NUMBER, "log first loss minus its regression on log second loss, fitted on own images"),
    "revision": Column(TEXT, "commit of the repository"),
    "score": Column(TEXT, "what models are compared by: z_score or log_error"),
    "second_loss": Column(NUMBER, "distance of the reconstruction from its own reconstruction"),
    "seconds_per_image": Column(
        NUMBER, "time of the work on images, without imports and loading weights", NOT_NEGATIVE
    ),
    "seed": Column(LONG, "seed of the image's noise", (0, 2**63 - 1)),
    "sha256": Column(TEXT, "hash of the bytes of the image's file, before `crop_to`"),
    "share": Column(NUMBER, "share of the images", SHARE),
    "share_high": Column(NUMBER, "upper end of its 95 % interval (Clopper and Pearson)", SHARE),
    "share_low": Column(NUMBER, "lower end of its 95 % interval (Clopper and Pearson)", SHARE),
    "shares_encoder_with": Column(pa.list_(TEXT), "families with the same encoder and a different decoder"),
    "signal": Column(TEXT, "which number, small for own images, is compared with the threshold"),
    "slope": Column(NUMBER, "of the regression of log first loss on log second loss, over own images"),
    "source": Column(TEXT, "model or image set that the image comes from"),
    "split": Column(
        TEXT, "which part of the study the image's group is in: `fitting`, to fit on, or `held_out`, to score on"
    ),
    "stage": Column(TEXT, "`reconstruction` of the first stage, or `denoising` of the second"),
    "stored": Column(PICTURE, "for an image brought back to the size before a resize: the file as it was stored"),
    "threshold": Column(NUMBER, "the signal below which an image is accepted"),
    "threshold_high": Column(NUMBER, f"upper end of {THRESHOLD_INTERVAL}"),
    "threshold_low": Column(NUMBER, f"lower end of {THRESHOLD_INTERVAL}"),
    "transform": Column(TEXT, "what damaged the images; empty for untouched ones"),
    "true_positive_rate_at_1_percent": Column(
        NUMBER, "share of own images accepted when 1 % of this source's are accepted", SHARE
    ),
    "unusable": Column(INTEGER, "images without a signal; their rows say why"),
    "value": Column(NUMBER, "the image's signal under the autoencoder"),
    "verdict": Column(TEXT, "family, several possible, none of these, or cannot say"),
    "watermark": Column(
        TEXT, "the invisible watermark in the pixels; empty too if no decoder is installed (docs/claims.md)"
    ),
    "width": Column(INTEGER, "in pixels; in losses, of the reconstruction", POSITIVE),
    "z_score": Column(
        NUMBER, "the model's error, centred and scaled over the models at each level, averaged over levels"
    ),
}

COLUMNS |= {
    f"{measure}_against_{opponents}": Column(
        NUMBER,
        f"mean over {opponents.replace('_', ' ')}"
        + (
            ", on the images that thresholds were fitted on"
            if measure.startswith("same_images")
            else ", on held-out images"
        ),
        SHARE,
    )
    for measure in MEASURES
    for opponents in OPPONENTS
}
