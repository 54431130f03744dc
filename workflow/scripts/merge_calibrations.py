"""Merge the calibrations of several studies; read their files, write one that attribution can use like each of them."""

from collections.abc import Sequence

from aedr.jobs import job


def merge_calibrations(calibrations: Sequence[str], output: str) -> None:
    """Write one calibration for the families of all; refuse those that do not fit together."""
    from aedr.tables.files import write_table
    from aedr.verdicts.calibration_file import read_calibration
    from aedr.verdicts.merging import merge_calibrations as merge

    merged = merge({path: read_calibration(path) for path in calibrations})
    write_table(output, "reference", merged.rows, {"calibration": merged.description})


if __name__ == "__main__":
    with job(snakemake):
        merge_calibrations(list(snakemake.input), snakemake.output[0])
