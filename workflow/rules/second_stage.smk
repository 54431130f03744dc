# The second stage: which model of a family made an image, by how well each one's denoiser predicts noise in it.
#
# needs  {RESULTS}/images/, histories/, losses/, homogeneity/, autoencoders.parquet; the models' weights
# makes  {RESULTS}/second_stage/: errors/{model}/{source}/{shard}.parquet, calibration.parquet, signals.parquet,
#        confusion.parquet and .csv, calls.parquet and .csv, costs.parquet and .csv; plots/second_stage (.png, .svg, .pdf);
#        for the query verdicts.parquet, asked.json, models.json


rule measure_denoising:
    input:
        images=f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
        histories=f"{RESULTS}/histories/{{source}}/{{shard}}.parquet",
        losses=losses_of_image,
        weights=lambda wildcards: model_weights(wildcards.model),
        autoencoder=lambda wildcards: autoencoder_weights(autoencoder_of(wildcards.model)),
        asked=asked_images,
        checked=checked_models,
    output:
        f"{RESULTS}/second_stage/errors/{{model}}/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/measure_denoising/{{model}}/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_denoising/{{model}}/{{source}}/{{shard}}.tsv"
    conda:
        lambda wildcards: environment(MODELS[wildcards.model]["environment"])
    threads: 1
    resources:
        gpu=GPUS,
    params:
        folder=lambda wildcards: model_folder(wildcards.model),
        components=lambda wildcards: component_folders(wildcards.model),
        loading=lambda wildcards: loading_settings(autoencoder_of(wildcards.model)),
        family=lambda wildcards: family_of_model(wildcards.model),
        model_settings=lambda wildcards: denoiser_settings(wildcards.model),
        settings=denoising_settings(),
        off_grid="search" if config["reconstruction"]["off_grid"] == "search" else "crop",
        cost=denoising_cost,
        code=code_digest("measure_denoising.py"),
    message:
        "{wildcards.source} asked about by the denoiser of {wildcards.model}, shard {wildcards.shard}"
    script:
        "../scripts/measure_denoising.py"


rule collect_denoising:
    input:
        errors=errors_of_families,
        groups=groups_of_sources,
        # The names of the families are known once this exists.
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        f"{RESULTS}/second_stage/calibration.parquet",
    log:
        f"{RESULTS}/logs/collect_denoising.log",
    conda:
        environment("analysis")
    params:
        families=families_of_errors,
        held_out=config["attribution"]["held_out"],
        settings=denoising_settings(),
        model_settings=settings_of_asked,
        code=code_digest("collect_denoising.py"),
    message:
        "calibration of the second stage"
    script:
        "../scripts/collect_denoising.py"


rule evaluate_models:
    input:
        calibration=f"{RESULTS}/second_stage/calibration.parquet",
        errors=errors_of_families,
        losses=losses_of_asked,
    output:
        signals=f"{RESULTS}/second_stage/signals.parquet",
        confusion=f"{RESULTS}/second_stage/confusion.parquet",
        confusion_csv=report(
            f"{RESULTS}/second_stage/confusion.csv",
            category="Models of one family",
            caption="../report/confusion.rst",
            labels={"table": "answers about held-out images"},
        ),
        calls=f"{RESULTS}/second_stage/calls.parquet",
        calls_csv=f"{RESULTS}/second_stage/calls.csv",
        costs=f"{RESULTS}/second_stage/costs.parquet",
        costs_csv=f"{RESULTS}/second_stage/costs.csv",
    log:
        f"{RESULTS}/logs/evaluate_models.log",
    conda:
        environment("analysis")
    params:
        families=families_of_errors,
        names=names_of_errors,
        families_of_losses=families_of_asked_losses,
        score=stage_setting("score"),
        is_closed=stage_setting("closed"),
        level=config["attribution"]["verdict_level"],
        confidence=config["attribution"]["verdict_confidence"],
        code=code_digest("evaluate_models.py"),
    message:
        "accuracy within each family"
    script:
        "../scripts/evaluate_models.py"


rule plot_models:
    input:
        confusion=f"{RESULTS}/second_stage/confusion.parquet",
        calls=f"{RESULTS}/second_stage/calls.parquet",
    output:
        report(
            f"{RESULTS}/plots/second_stage.png",
            category="Models of one family",
            caption="../report/second_stage.rst",
            labels={"figure": "which model within the family"},
        ),
        f"{RESULTS}/plots/second_stage.svg",
        f"{RESULTS}/plots/second_stage.pdf",
    log:
        f"{RESULTS}/logs/plot_models.log",
    conda:
        environment("analysis")
    params:
        code=code_digest("plot_models.py"),
    message:
        "figure of the models of each family"
    script:
        "../scripts/plot_models.py"


rule check_second_stage:
    input:
        calibration=SECOND_STAGE_CALIBRATION,
        weights=lambda wildcards: [model_weights(model) for model in models_of_families()],
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        f"{RESULTS}/second_stage/models.json",
    log:
        f"{RESULTS}/logs/check_second_stage.log",
    conda:
        environment("analysis")
    params:
        arguments=second_stage_check,
        code=code_digest("check_second_stage.py"),
    message:
        "check of the second stage's calibration"
    script:
        "../scripts/check_second_stage.py"


rule decide_families:
    input:
        calibration=CALIBRATION_FILE,
        families=f"{RESULTS}/verdicts/families.json",
        losses=query_losses,
        homogeneity=tables_of_all("homogeneity", QUERIES),
        histories=tables_of_all("histories", QUERIES),
        images=query_images,
    output:
        verdicts=f"{RESULTS}/second_stage/verdicts.parquet",
        asked=f"{RESULTS}/second_stage/asked.json",
    log:
        f"{RESULTS}/logs/decide_families.log",
    conda:
        environment("analysis")
    params:
        level=config["attribution"]["verdict_level"],
        confidence=config["attribution"]["verdict_confidence"],
        code=code_digest("decide_families.py"),
    message:
        "verdicts of the first stage"
    script:
        "../scripts/decide_families.py"
