# Images: what every source's pictures come from.
#
# needs  folders of images, {RESULTS}/prompts.parquet, the models' weights
# makes  {RESULTS}/images/{source}/{shard}.parquet


def generation_settings(wildcards):
    """Return what a model's images depend on, besides its weights and the prompts."""
    model = MODELS[wildcards.source]
    pipeline = ["pipeline", "variant", "trusted_pickle", "precision"]
    call = ["image_size", "steps", "guidance", "negative_prompt", "arguments"]
    return {key: model.get(key) for key in pipeline + call}


def generation_cost(wildcards, resources):
    """Return what changes the time and the memory that images take, but not the images.

    A parameter whose function takes `resources` is no reason for Snakemake to run a job again.
    """
    model = MODELS[wildcards.source]
    keys = ["batch_size", "attention_slicing", "offload"]
    return {"device": config["device"], **{key: model[key] for key in keys}}


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
    conda:
        lambda wildcards: environment(MODELS[wildcards.source]["environment"])
    threads: 1
    resources:
        gpu=1,
    params:
        folder=lambda wildcards: model_folder(wildcards.source),
        rows=lambda wildcards: shard_range(wildcards.source, wildcards.shard),
        study_seed=config["seed"],
        settings=generation_settings,
        cost=generation_cost,
        code=code_digest("generate_images.py"),
    script:
        "../scripts/generate_images.py"


def imported_folder(source):
    """Return the folder of an image set, or of a model whose images were made earlier."""
    return config["image_sets"][source]["folder"] if source in config["image_sets"] else MODELS[source]["folder"]


def imported_names(wildcards):
    """Return the names of a shard's image files."""
    start, stop = shard_range(wildcards.source, wildcards.shard)
    return list_images(imported_folder(wildcards.source), SOURCES[wildcards.source])[start:stop]


def imported_state(wildcards):
    """Return sizes and times of a shard's image files.

    They are no input files, since Snakemake takes braces in a file's name for wildcards.
    """
    folder = Path(imported_folder(wildcards.source))
    states = [(folder / name).stat() for name in imported_names(wildcards)]
    return [(state.st_size, state.st_mtime_ns) for state in states]


rule import_images:
    output:
        f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/import_images/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/import_images/{{source}}/{{shard}}.tsv"
    wildcard_constraints:
        source="|".join([*config["image_sets"], models_where("folder")]),
    conda:
        environment("analysis")
    params:
        folder=lambda wildcards: imported_folder(wildcards.source),
        names=imported_names,
        state=imported_state,
        max_pixels=config["max_pixels"],
        code=code_digest("import_images.py"),
    script:
        "../scripts/import_images.py"


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
        gpu=1,
    params:
        loading=lambda wildcards: loading_settings(autoencoder_of(wildcards.source)),
        max_pixels=config["max_pixels"],
        device=config["device"],
        code=code_digest("decode_images.py"),
    script:
        "../scripts/decode_images.py"
