# Figures of the results, the report, and the captions that `snakemake --report` shows with the figures.
#
# needs  {RESULTS}/accuracy.parquet, autoencoders.parquet, signals.parquet, thresholds.parquet, images/, losses/,
#        methods.parquet and robustness.csv with their pictures, where the study has rivals and transforms,
#        paper.parquet where it has models of the paper
# makes  {RESULTS}/plots/, {RESULTS}/configuration.yaml, {RESULTS}/report.html


rule record_configuration:
    output:
        report(
            f"{RESULTS}/configuration.yaml",
            category="Configuration",
            caption="../report/configuration.rst",
            labels={"file": "configuration"},
        ),
    log:
        f"{RESULTS}/logs/record_configuration.log",
    localrule: True
    conda:
        environment("analysis")
    params:
        config=config,
    message:
        "configuration"
    script:
        "../scripts/record_configuration.py"


rule plot_accuracy:
    input:
        accuracy=f"{RESULTS}/accuracy.parquet",
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        report(
            f"{RESULTS}/plots/accuracy.png",
            category="Accuracy",
            caption="../report/accuracy_matrix.rst",
            labels={"figure": "accuracy matrix"},
        ),
        f"{RESULTS}/plots/accuracy.svg",
        f"{RESULTS}/plots/accuracy.pdf",
    log:
        f"{RESULTS}/logs/plot_accuracy.log",
    conda:
        environment("analysis")
    params:
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        sources=list(SOURCES),
        code=code_digest("plot_accuracy.py"),
    message:
        "figure of the accuracy matrix"
    script:
        "../scripts/plot_accuracy.py"


rule plot_comparison:
    input:
        accuracy=f"{RESULTS}/accuracy.parquet",
    output:
        report(
            f"{RESULTS}/plots/comparison.png",
            category="Accuracy",
            caption="../report/comparison.rst",
            labels={"figure": "effect of metric and calibration"},
        ),
        f"{RESULTS}/plots/comparison.svg",
        f"{RESULTS}/plots/comparison.pdf",
    log:
        f"{RESULTS}/logs/plot_comparison.log",
    conda:
        environment("analysis")
    params:
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        code=code_digest("plot_comparison.py"),
    message:
        "figure of metrics and signals"
    script:
        "../scripts/plot_comparison.py"


rule plot_signals:
    input:
        signals=f"{RESULTS}/signals.parquet",
        thresholds=f"{RESULTS}/thresholds.parquet",
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        report(
            f"{RESULTS}/plots/signals/{{autoencoder}}.png",
            category="Distributions",
            caption="../report/signals.rst",
            labels={"autoencoder": "{autoencoder}"},
        ),
        f"{RESULTS}/plots/signals/{{autoencoder}}.svg",
        f"{RESULTS}/plots/signals/{{autoencoder}}.pdf",
    log:
        f"{RESULTS}/logs/plot_signals/{{autoencoder}}.log",
    conda:
        environment("analysis")
    params:
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        bandwidth=config["attribution"]["bandwidth"],
        sources=list(SOURCES),
        code=code_digest("plot_signals.py"),
    message:
        "figure of {wildcards.autoencoder}'s signals"
    script:
        "../scripts/plot_signals.py"


rule plot_contact_sheet:
    input:
        lambda wildcards: tables_of("images", wildcards.source)[:1],
    output:
        report(
            f"{RESULTS}/plots/contact_sheets/{{source}}.png",
            category="Images",
            caption="../report/contact_sheet.rst",
            labels={"source": "{source}"},
        ),
        f"{RESULTS}/plots/contact_sheets/{{source}}.svg",
        f"{RESULTS}/plots/contact_sheets/{{source}}.pdf",
    log:
        f"{RESULTS}/logs/plot_contact_sheet/{{source}}.log",
    conda:
        environment("analysis")
    params:
        code=code_digest("plot_contact_sheet.py"),
    message:
        "contact sheet of {wildcards.source}"
    script:
        "../scripts/plot_contact_sheet.py"


# What the report shows besides each family's signals.
FIGURES = (
    ["comparison"]
    + (["methods"] if config["rivals"] else [])
    + (["robustness"] if TRANSFORMS else [])
    + (["robustness_strengths"] if strength_axes(TRANSFORMS) else [])
)


rule write_report:
    input:
        accuracy=f"{RESULTS}/accuracy.parquet",
        signals=f"{RESULTS}/signals.parquet",
        thresholds=f"{RESULTS}/thresholds.parquet",
        autoencoders=f"{RESULTS}/autoencoders.parquet",
        configuration=f"{RESULTS}/configuration.yaml",
        figures=lambda wildcards: [f"{RESULTS}/plots/{figure}.svg" for figure in FIGURES + model_figures()],
        models=tables_of_models,
        signal_figures=signal_figures,
        paper=f"{RESULTS}/paper.parquet" if PAPER_MODELS else [],
        methods=f"{RESULTS}/methods.parquet" if config["rivals"] else [],
        robustness=f"{RESULTS}/robustness.csv" if TRANSFORMS else [],
        images=[table for source in SOURCES for table in tables_of("images", source)],
        losses=losses_of_families,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/write_report.log",
    conda:
        environment("analysis")
    params:
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        sources_of_images=[source for source in SOURCES for _ in shards_of(source)],
        families_of_losses=families_of_losses,
        families=lambda wildcards: families(),
        figures=lambda wildcards: FIGURES + model_figures(),
        is_closed=stage_setting("closed"),
        # No input: a measurement that is missing must not run its job again.
        benchmarks=f"{RESULTS}/benchmarks",
        code=code_digest("write_report.py", assets=page_assets("report.html.j2", "report.js")),
    message:
        "report"
    script:
        "../scripts/write_report.py"
