"""Write the report, one page with all results of a study; read its tables and figures, write HTML."""

from collections.abc import Mapping, Sequence

from aedr.jobs import job


def write_report(
    *,
    tables: Mapping[str, str],
    images: Mapping[str, Sequence[str]],
    losses: Mapping[str, Sequence[str]],
    figures: Mapping[str, str],
    signal_figures: Mapping[str, str],
    paper: str | None,
    methods: str | None,
    robustness: str | None,
    models: Sequence[str],
    is_closed: bool | None,
    configuration: str,
    benchmarks: str,
    output: str,
    metric: str,
    signal: str,
) -> None:
    """Write the page of a study. Only one family's signals are in memory at a time.

    Args:
        tables: the files of the tables accuracy, signals, thresholds and autoencoders.
        images: the images tables by source, in the order of the matrix's columns.
        losses: the losses tables by family.
        figures: the SVG files of the comparison and, if the study has them, of methods and robustness.
        signal_figures: the SVG file of each family's signals.
        paper: the paper table, or None if the study has no models of the paper.
        methods: the methods table, or None if the study has no rivals.
        robustness: robustness.csv, or None if the study has no transforms.
        models: the confusion and the stage_costs tables, or nothing if no models share an autoencoder; is_closed: as in
            `aedr.verdicts.models.Family`.
        configuration: the study's configuration, a YAML file.
        benchmarks: the folder of Snakemake's measurements; what is missing there is not shown.
        metric, signal: the configured ones.
    """
    from pathlib import Path

    import pandas as pd

    from aedr.pages.models import describe_models
    from aedr.pages.report import Making, Study, report_page
    from aedr.tables.files import read_table

    def read(files: Mapping[str, str]) -> dict[str, str]:
        return {name: Path(file).read_text(encoding="utf-8") for name, file in files.items()}

    study = Study(
        **{name: read_table(tables[name], name) for name in ("accuracy", "thresholds", "autoencoders")},
        paper=None if paper is None else read_table(paper, "paper"),
        methods=None if methods is None else read_table(methods, "methods"),
        robustness=None if robustness is None else pd.read_csv(robustness),
        models=(
            describe_models(
                read_table(models[0], "confusion"), read_table(models[1], "stage_costs"), is_closed=bool(is_closed)
            )
            if models
            else None
        ),
        configured=(metric, signal),
    )
    making = Making(images, losses, tables, benchmarks, Path(configuration).read_text(encoding="utf-8"))
    page = report_page(study, making, read(figures), read(signal_figures))
    Path(output).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake):
        from aedr.tables.groups import group_files

        write_report(
            tables={name: snakemake.input[name] for name in ("accuracy", "signals", "thresholds", "autoencoders")},
            images=group_files(snakemake.input.images, snakemake.params.sources_of_images),
            losses=group_files(snakemake.input.losses, snakemake.params.families_of_losses),
            figures=dict(zip(snakemake.params.figures, snakemake.input.figures, strict=True)),
            signal_figures=dict(zip(snakemake.params.families, snakemake.input.signal_figures, strict=True)),
            paper=snakemake.input.get("paper") or None,
            methods=snakemake.input.get("methods") or None,
            robustness=snakemake.input.get("robustness") or None,
            models=snakemake.input.get("models") or [],
            is_closed=snakemake.params.is_closed,
            configuration=snakemake.input.configuration,
            benchmarks=snakemake.params.benchmarks,
            output=snakemake.output[0],
            metric=snakemake.params.metric,
            signal=snakemake.params.signal,
        )
