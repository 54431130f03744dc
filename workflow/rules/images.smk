# Images: the images of every source, their homogeneity, their groups and what they went through.
#
# needs  folders of images, Parquet files of images, {RESULTS}/prompts.parquet, the models' weights
# makes  {RESULTS}/images/{source}/{shard}.parquet, {RESULTS}/homogeneity/{source}/{shard}.parquet,
#        {RESULTS}/histories/{source}/{shard}.parquet


include: "../functions/images.smk"


rule generate_images:
    input:
        prompts=f"{RESULTS}/prompts.parquet",
        weights=lambda wildcards: model_weights(wildcards.source),
    output:
        f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/generate_images/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/generate_images/{{source}}/{{shard}}.tsv"
    wildcard_constraints:
        source=models_where("pipeline"),
    # Before the reconstructions, which wait for it: the longest jobs must not come last.
    priority: 10
    conda:
        lambda wildcards: environment(MODELS[wildcards.source]["environment"])
    threads: 1
    resources:
        gpu=GPUS,
    params:
        folder=lambda wildcards: model_folder(wildcards.source),
        components=lambda wildcards: component_folders(wildcards.source),
        rows=lambda wildcards: shard_range(wildcards.source, wildcards.shard),
        study_seed=config["seed"],
        settings=generation_settings,
        cost=generation_cost,
        code=code_digest("generate_images.py"),
    message:
        "images of {wildcards.source}, shard {wildcards.shard}"
    script:
        "../scripts/generate_images.py"


rule import_images:
    output:
        f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/import_images/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/import_images/{{source}}/{{shard}}.tsv"
    wildcard_constraints:
        source="|".join([image_sets_where("folder"), models_where("folder"), QUERY]),
    conda:
        environment("analysis")
    params:
        folder=lambda wildcards: imported_folder(wildcards.source),
        names=imported_names,
        state=imported_state,
        crop_to=crop_to,
        with_parts=lambda wildcards: wildcards.source == QUERY,
        limits=image_limits,
        code=code_digest("import_images.py"),
    message:
        "images of {wildcards.source}, shard {wildcards.shard}"
    script:
        "../scripts/import_images.py"


rule read_dataset:
    output:
        f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/read_dataset/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/read_dataset/{{source}}/{{shard}}.tsv"
    wildcard_constraints:
        source="|".join([image_sets_where("dataset"), models_where("dataset")]),
    conda:
        environment("analysis")
    params:
        folder=lambda wildcards: plan.dataset_of(config, wildcards.source)["folder"],
        names=imported_names,
        column=lambda wildcards: plan.dataset_of(config, wildcards.source)["image"],
        state=dataset_state,
        crop_to=crop_to,
        limits=image_limits,
        code=code_digest("read_dataset.py"),
    message:
        "images of {wildcards.source}, shard {wildcards.shard}"
    script:
        "../scripts/read_dataset.py"


rule measure_homogeneity:
    input:
        f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
    output:
        f"{RESULTS}/homogeneity/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/measure_homogeneity/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_homogeneity/{{source}}/{{shard}}.tsv"
    conda:
        environment("analysis")
    params:
        grouping=lambda wildcards: plan.grouping(config, wildcards.source),
        code=code_digest("measure_homogeneity.py"),
    message:
        "homogeneity of {wildcards.source}, shard {wildcards.shard}"
    script:
        "../scripts/measure_homogeneity.py"


rule read_histories:
    input:
        f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
    output:
        f"{RESULTS}/histories/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/read_histories/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/read_histories/{{source}}/{{shard}}.tsv"
    wildcard_constraints:
        # Copies at other sizes are written with their histories.
        source=rf"(?!{RESTORED}/)[a-z0-9-]+(\.[a-z0-9-]+)?",
    conda:
        environment("analysis")
    params:
        refined_images=refined_images,
        code=code_digest("read_histories.py"),
    message:
        "histories of {wildcards.source}, shard {wildcards.shard}"
    script:
        "../scripts/read_histories.py"


rule decode_images:
    input:
        images=lambda wildcards: f"{RESULTS}/images/{MODELS[wildcards.source]['decode']}/{wildcards.shard}.parquet",
        weights=lambda wildcards: autoencoder_weights(autoencoder_of(wildcards.source)),
    output:
        f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/decode_images/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/decode_images/{{source}}/{{shard}}.tsv"
    wildcard_constraints:
        source=models_where("decode"),
    conda:
        lambda wildcards: environment(MODELS[wildcards.source]["environment"])
    resources:
        gpu=GPUS,
    params:
        loading=lambda wildcards: loading_settings(autoencoder_of(wildcards.source)),
        device=config["device"],
        code=code_digest("decode_images.py"),
    message:
        "images of {wildcards.source}, shard {wildcards.shard}"
    script:
        "../scripts/decode_images.py"
