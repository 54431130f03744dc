# Verdicts on new images: snakemake attribute --config query=FOLDER
#
# needs  {RESULTS}/signals.parquet, fitted_parameters.parquet, autoencoders.parquet, or a calibration; images of the query
# makes  {RESULTS}/calibration.parquet, {RESULTS}/verdicts/
#        (snakemake merge_calibrations --config calibration='[FILE, FILE]': {RESULTS}/merged_calibration.parquet)
#        (snakemake map_query --config query=FOLDER: {RESULTS}/verdicts/maps/)


include: "../functions/verdicts.smk"
include: "../functions/second_stage.smk"


# Nothing is merged unless several are listed: what was merged before is then a file like any other.
IS_MERGED = isinstance(config["calibration"], list)
MERGED_CALIBRATION = f"{RESULTS}/merged_calibration.parquet"
CALIBRATION_FILE = MERGED_CALIBRATION if IS_MERGED else config["calibration"] or f"{RESULTS}/calibration.parquet"


rule export_calibration:
    input:
        signals=f"{RESULTS}/signals.parquet",
        parameters=f"{RESULTS}/fitted_parameters.parquet",
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        f"{RESULTS}/calibration.parquet",
    log:
        f"{RESULTS}/logs/export_calibration.log",
    conda:
        environment("analysis")
    params:
        settings={
            "metrics": verdict_metrics(),
            "signal": config["attribution"]["verdict_signal"],
            "real_sources": REAL_SOURCES,
            "preprocessing": preprocessing(),
        },
        code=code_digest("export_calibration.py"),
    message:
        "calibration"
    script:
        "../scripts/export_calibration.py"


rule merge_calibrations:
    input:
        listed_calibrations,
    output:
        MERGED_CALIBRATION if IS_MERGED else [],
    log:
        f"{RESULTS}/logs/merge_calibrations.log",
    conda:
        environment("analysis")
    params:
        code=code_digest("merge_calibrations.py"),
    message:
        "calibration of several studies"
    script:
        "../scripts/merge_calibrations.py"


rule check_calibration:
    input:
        calibration=CALIBRATION_FILE,
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        families=f"{RESULTS}/verdicts/families.json",
        measures=f"{RESULTS}/verdicts/measures.json",
    log:
        f"{RESULTS}/logs/check_calibration.log",
    conda:
        environment("analysis")
    params:
        preprocessing=preprocessing(),
        metrics=METRICS,
        level=config["attribution"]["verdict_level"],
        confidence=config["attribution"]["verdict_confidence"],
        code=code_digest("check_calibration.py"),
    message:
        "check of the calibration"
    script:
        "../scripts/check_calibration.py"


rule restore_sizes:
    input:
        images=f"{RESULTS}/images/{QUERY}/{{shard}}.parquet",
        histories=f"{RESULTS}/histories/{QUERY}/{{shard}}.parquet",
        calibration=CALIBRATION_FILE,
        families=f"{RESULTS}/verdicts/families.json",
    output:
        images=f"{RESULTS}/images/{RESTORED}/{{shard}}.parquet",
        histories=f"{RESULTS}/histories/{RESTORED}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/restore_sizes/{{shard}}.log",
    conda:
        environment("analysis")
    params:
        limits=image_limits,
        code=code_digest("restore_sizes.py"),
    message:
        "images of the query at their likely original sizes, shard {wildcards.shard}"
    script:
        "../scripts/restore_sizes.py"


rule attribute_images:
    input:
        calibration=CALIBRATION_FILE,
        families=f"{RESULTS}/verdicts/families.json",
        losses=query_losses,
        homogeneity=tables_of_all("homogeneity", QUERIES),
        histories=tables_of_all("histories", QUERIES),
        images=query_images,
        claims=tables_of("claims", QUERY),
        second_stage=query_stages,
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        parquet=f"{RESULTS}/verdicts/verdicts.parquet",
        csv=f"{RESULTS}/verdicts/verdicts.csv",
        documents=f"{RESULTS}/verdicts/verdicts.jsonl",
        page=f"{RESULTS}/verdicts/verdicts.html",
    log:
        f"{RESULTS}/logs/attribute_images.log",
    conda:
        environment("analysis")
    params:
        level=config["attribution"]["verdict_level"],
        confidence=config["attribution"]["verdict_confidence"],
        model_names=model_names(),
        second_stage=query_second_stage,
        code=code_digest("attribute_images.py", assets=page_assets("verdicts.html.j2", "verdicts.js")),
    message:
        "verdicts"
    script:
        "../scripts/attribute_images.py"


rule attribute:
    input:
        rules.attribute_images.output,


# Maps of where in an image, for edited or composite images.
rule map_patches:
    input:
        images=query_images,
        weights=lambda wildcards: autoencoder_weights(wildcards.autoencoder),
    output:
        directory(f"{RESULTS}/verdicts/maps/{{autoencoder}}"),
    log:
        f"{RESULTS}/logs/map_patches/{{autoencoder}}.log",
    conda:
        autoencoder_environment
    resources:
        gpu=GPUS,
    params:
        loading=lambda wildcards: loading_settings(wildcards.autoencoder),
        settings={
            "metric": "high_frequency",
            "patch": config["attribution"]["patch"],
            "device": config["device"],
        },
        code=code_digest("map_patches.py"),
    message:
        "maps of the query by {wildcards.autoencoder}"
    script:
        "../scripts/map_patches.py"


rule map_query:
    input:
        lambda wildcards: [f"{RESULTS}/verdicts/maps/{family}" for family in families()],
