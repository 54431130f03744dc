# Pictures of the results, and the captions that `snakemake --report` shows with them.
#
# needs  {RESULTS}/accuracy.parquet, autoencoders.parquet, signals.parquet, thresholds.parquet, images/
# makes  {RESULTS}/plots/, {RESULTS}/configuration.yaml


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
    log:
        f"{RESULTS}/logs/plot_accuracy.log",
    conda:
        environment("analysis")
    params:
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        sources=list(SOURCES),
        code=code_digest("plot_accuracy.py"),
    script:
        "../scripts/plot_accuracy.py"


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
    log:
        f"{RESULTS}/logs/plot_signals/{{autoencoder}}.log",
    conda:
        environment("analysis")
    params:
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        sources=list(SOURCES),
        code=code_digest("plot_signals.py"),
    script:
        "../scripts/plot_signals.py"


rule plot_contact_sheet:
    input:
        lambda wildcards: tables_of("images", wildcards.source)[:1],
    output:
        report(
            f"{RESULTS}/plots/contact_sheets/{{source}}.jpg",
            category="Images",
            caption="../report/contact_sheet.rst",
            labels={"source": "{source}"},
        ),
    log:
        f"{RESULTS}/logs/plot_contact_sheet/{{source}}.log",
    conda:
        environment("analysis")
    params:
        max_pixels=config["max_pixels"],
        code=code_digest("plot_contact_sheet.py"),
    script:
        "../scripts/plot_contact_sheet.py"
