"""Collect the errors of denoisers; read errors and groups of images, write the calibration of the second stage."""

from collections.abc import Mapping, Sequence
from typing import Any

from aedr.jobs import job


def collect_denoising(
    errors: Sequence[str],
    families: Sequence[str],
    homogeneity: Sequence[str],
    output: str,
    held_out: float,
    settings: Mapping[str, Any],
    model_settings: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write each image's errors at each level under each model of its family; the file's metadata says what they follow
    from.

    Args:
        families: the family of each file of `errors`.
        homogeneity: files of the homogeneity table of the same sources, which hold the images' groups.
        held_out: the share of images that nothing is fitted on.
        settings, model_settings: those that errors follow from; the latter by model.
    """
    import pandas as pd

    from aedr.tables.files import read_tables, write_table
    from aedr.tables.groups import group_files
    from aedr.verdicts.model_calibration import describe_models, reference_rows

    groups = read_tables(homogeneity, "homogeneity")
    by_family = group_files(errors, families)
    rows = [
        reference_rows(read_tables(files, "denoising"), groups, family, settings["levels"], held_out)
        for family, files in by_family.items()
    ]
    description = describe_models(by_family, settings, model_settings)
    write_table(output, "model_reference", pd.concat(rows), {"models": description})


if __name__ == "__main__":
    with job(snakemake):
        collect_denoising(
            errors=snakemake.input.errors,
            homogeneity=snakemake.input.groups,
            output=snakemake.output[0],
            families=snakemake.params.families,
            held_out=snakemake.params.held_out,
            settings=snakemake.params.settings,
            model_settings=snakemake.params.model_settings,
        )
