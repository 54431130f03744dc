"""Export a study's calibration; read signals, fitted parameters and autoencoders, write one file for use elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def export_calibration(
    signals: str,
    parameters: str,
    autoencoders: str,
    output: str,
    metrics: Sequence[str],
    signal: str,
    real_sources: Sequence[str],
    preprocessing: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write the reference table of one signal of each metric; the file's metadata says what it is valid for."""
    from importlib.metadata import version

    import pandas as pd

    from aedr.tables.files import read_table, write_table
    from aedr.verdicts.calibration_file import describe_calibration, reference_rows

    description = describe_calibration(
        read_table(autoencoders, "autoencoders"),
        read_table(parameters, "fitted_parameters"),
        metrics,
        signal,
        real_sources,
        preprocessing,
        {package: version(package) for package in ("numpy", "scipy", "pandas", "pyarrow")},
    )
    rows = [
        reference_rows(
            read_table(signals, "signals", autoencoder={family}, metric={metric}), metric, signal, real_sources
        )
        for family in description["families"]
        for metric in metrics
    ]
    write_table(output, "reference", pd.concat(rows), {"calibration": description})


if __name__ == "__main__":
    with job(snakemake):
        export_calibration(
            snakemake.input.signals,
            snakemake.input.parameters,
            snakemake.input.autoencoders,
            snakemake.output[0],
            **snakemake.params.settings,
        )
