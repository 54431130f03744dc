# Signals, thresholds and the accuracy of every pair.
#
# needs  {RESULTS}/autoencoders.parquet, {RESULTS}/losses/, {RESULTS}/rivals/, {RESULTS}/homogeneity/
# makes  {RESULTS}/signals.parquet, fitted_parameters.parquet, thresholds.parquet, accuracy.parquet and .csv,
#        accuracy_means.csv, signal_comparison.csv, paper.parquet and .csv


include: "../functions/scoring.smk"


rule compute_signals:
    input:
        losses=losses_of_families,
        rivals=rivals_of_families,
        homogeneity=tables_of_all("homogeneity", SOURCES),
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        signals=f"{RESULTS}/signals.parquet",
        parameters=f"{RESULTS}/fitted_parameters.parquet",
    log:
        f"{RESULTS}/logs/compute_signals.log",
    conda:
        environment("analysis")
    params:
        families=families_of_signals,
        own_sources=own_sources(),
        held_out=config["attribution"]["held_out"],
        code=code_digest("compute_signals.py"),
    message:
        "signals"
    script:
        "../scripts/compute_signals.py"


rule fit_threshold:
    input:
        signals=f"{RESULTS}/signals.parquet",
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        f"{RESULTS}/thresholds.parquet",
    log:
        f"{RESULTS}/logs/fit_threshold.log",
    conda:
        environment("analysis")
    params:
        alphas=significance_levels(),
        inversion=config["attribution"]["threshold"],
        bandwidth=config["attribution"]["bandwidth"],
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        code=code_digest("fit_threshold.py"),
    message:
        "thresholds"
    script:
        "../scripts/fit_threshold.py"


rule evaluate_accuracy:
    input:
        signals=f"{RESULTS}/signals.parquet",
        thresholds=f"{RESULTS}/thresholds.parquet",
    output:
        parquet=f"{RESULTS}/accuracy.parquet",
        csv=report(
            f"{RESULTS}/accuracy.csv",
            category="Accuracy",
            caption="../report/accuracy_table.rst",
            labels={"table": "every cell, metric and signal"},
        ),
        means=report(
            f"{RESULTS}/accuracy_means.csv",
            category="Accuracy",
            caption="../report/accuracy_means.rst",
            labels={"table": "means of every autoencoder, metric and signal"},
        ),
        comparison=report(
            f"{RESULTS}/signal_comparison.csv",
            category="Accuracy",
            caption="../report/signal_comparison.rst",
            labels={"table": "AEDR as published beside other signals"},
        ),
    log:
        f"{RESULTS}/logs/evaluate_accuracy.log",
    conda:
        environment("analysis")
    params:
        real_sources=REAL_SOURCES,
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        code=code_digest("evaluate_accuracy.py"),
    message:
        "accuracy"
    script:
        "../scripts/evaluate_accuracy.py"


rule compare_with_paper:
    input:
        accuracy=f"{RESULTS}/accuracy.parquet",
        thresholds=f"{RESULTS}/thresholds.parquet",
        losses=losses_of_paper_models,
        traced=traced_of_paper_models,
        # The names of the families are known once this exists.
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        parquet=f"{RESULTS}/paper.parquet",
        csv=report(
            f"{RESULTS}/paper.csv",
            category="Accuracy",
            caption="../report/paper_table.rst",
            labels={"table": "the paper's figures beside this study's"},
        ),
    log:
        f"{RESULTS}/logs/compare_with_paper.log",
    conda:
        environment("analysis")
    params:
        models=PAPER_MODELS,
        models_of_losses=models_of_losses,
        models_of_traced=models_of_losses if "latent_tracer" in config["rivals"] else [],
        real_sources=REAL_SOURCES,
        code=code_digest("compare_with_paper.py", assets=["paper/cells.csv", "paper/models.csv", "paper/metrics.csv"]),
    message:
        "the paper's figures beside this study's"
    script:
        "../scripts/compare_with_paper.py"
