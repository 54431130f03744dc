"""Check that a calibration matches the configured autoencoders, before anything is reconstructed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aedr.jobs import job


def check_calibration(
    calibration: str,
    autoencoders: str,
    families: str,
    measures: str,
    preprocessing: Mapping[str, Mapping[str, Any]],
    metrics: Sequence[str],
    level: float,
    confidence: float | None,
) -> None:
    """Write which of the calibration's families each family is, and what must be measured of the query.

    This is `measures`: the metrics that are asked, and for each family the limits beyond which controls mean nothing.
    A calibration that does not match is refused.
    """
    import json
    from dataclasses import asdict

    from aedr.tables.files import read_table
    from aedr.verdicts.calibration_file import check_reference, match_families, read_calibration
    from aedr.verdicts.promise import Promise

    carried = read_calibration(calibration)
    matches = match_families(carried, read_table(autoencoders, "autoencoders"), preprocessing)
    asked, promise = carried.asking(matches), Promise(level, confidence)
    check_reference(asked, metrics, promise)
    limits = asked.limits(promise)
    needed = {
        "metrics": asked.metrics,
        "limits": {
            name: {metric: asdict(limit) for metric, limit in limits.get(family, {}).items()}
            for name, family in matches.items()
        },
    }
    for path, content in ((families, matches), (measures, needed)):
        Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        check_calibration(
            calibration=snakemake.input.calibration,
            autoencoders=snakemake.input.autoencoders,
            families=snakemake.output.families,
            measures=snakemake.output.measures,
            preprocessing=snakemake.params.preprocessing,
            metrics=snakemake.params.metrics,
            level=snakemake.params.level,
            confidence=snakemake.params.confidence,
        )
