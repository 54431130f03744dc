"""Check that a calibration matches the configured autoencoders, before anything is reconstructed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aedr.jobs import job


def check_calibration(
    calibration: str,
    autoencoders: str,
    families: str,
    needed: str,
    preprocessing: Mapping[str, Mapping[str, Any]],
    metrics: Sequence[str],
    level: float,
    confidence: float | None,
) -> None:
    """Write which of the calibration's families each family is, and which metrics its verdicts need, as JSON.

    Raises `UserError` if the calibration does not match.
    """
    import json

    from aedr.tables.files import read_table
    from aedr.verdicts.calibration_file import check_reference, match_families, read_calibration
    from aedr.verdicts.promise import Promise

    carried = read_calibration(calibration)
    matches = match_families(carried, read_table(autoencoders, "autoencoders"), preprocessing)
    check_reference(carried.asking(matches), metrics, Promise(level, confidence))
    for file, found in ((families, matches), (needed, carried.metrics)):
        Path(file).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        check_calibration(
            calibration=snakemake.input.calibration,
            autoencoders=snakemake.input.autoencoders,
            families=snakemake.output.families,
            needed=snakemake.output.metrics,
            preprocessing=snakemake.params.preprocessing,
            metrics=snakemake.params.metrics,
            level=snakemake.params.level,
            confidence=snakemake.params.confidence,
        )
