"""Check that a calibration of the second stage matches the models, before any denoiser is asked."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def check_second_stage(
    calibration: str,
    output: str,
    families: Mapping[str, Sequence[str]],
    folders: Mapping[str, str],
    components: Mapping[str, Mapping[str, str]],
    settings: Mapping[str, Any],
    model_settings: Mapping[str, Mapping[str, Any]],
    score: str,
    is_closed: bool,
    level: float,
    confidence: float | None,
) -> None:
    """Write which of the calibration's models each model is; refuse a calibration that does not match.

    Args:
        families: the models to ask, by family.
        folders, components: where each model's parts are.
        settings, model_settings: what errors follow from; the latter by model.
    """
    import json
    from pathlib import Path

    from aedr.verdicts.model_calibration import check_families, match_models, matched_families, read_model_calibration
    from aedr.verdicts.promise import Promise
    from aedr.weights.digests import digest_denoiser

    description, rows = read_model_calibration(calibration)
    digests = {
        family: {model: digest_denoiser(folders[model], components[model], model) for model in models}
        for family, models in families.items()
    }
    matches = match_models(description, digests, settings, model_settings)
    check_families(matched_families(rows, matches, score, is_closed), Promise(level, confidence))
    Path(output).write_text(json.dumps(matches, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        check_second_stage(snakemake.input.calibration, snakemake.output[0], **snakemake.params.arguments)
