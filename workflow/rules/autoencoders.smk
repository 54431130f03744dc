# Autoencoders: what they are, by the content of their weights, and which of them are one and the same.
#
# needs  the autoencoders' weights
# makes  {RESULTS}/autoencoders/{autoencoder}.parquet, {RESULTS}/autoencoders.parquet and .csv


include: "../functions/autoencoders.smk"


# Before hours of generation, so that weights which cannot be loaded are told at once.
rule identify_autoencoder:
    input:
        weights=lambda wildcards: autoencoder_weights(wildcards.autoencoder),
    output:
        f"{RESULTS}/autoencoders/{{autoencoder}}.parquet",
    log:
        f"{RESULTS}/logs/identify_autoencoder/{{autoencoder}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/identify_autoencoder/{{autoencoder}}.tsv"
    priority: 50
    conda:
        autoencoder_environment
    params:
        loading=lambda wildcards: weights_settings(wildcards.autoencoder),
        code=code_digest("identify_autoencoder.py"),
    message:
        "what {wildcards.autoencoder} is"
    script:
        "../scripts/identify_autoencoder.py"


# A checkpoint, since only its table says which autoencoders are reconstructed. No job of reconstruction takes the table
# as an input, lest a model that is added reconstructs everything again.
checkpoint collect_autoencoders:
    input:
        [f"{RESULTS}/autoencoders/{autoencoder}.parquet" for autoencoder in AUTOENCODERS],
    output:
        parquet=f"{RESULTS}/autoencoders.parquet",
        csv=report(
            f"{RESULTS}/autoencoders.csv",
            category="Autoencoders",
            caption="../report/autoencoders.rst",
            labels={"table": "autoencoders and their families"},
        ),
    log:
        f"{RESULTS}/logs/collect_autoencoders.log",
    priority: 50
    conda:
        environment("analysis")
    params:
        code=code_digest("collect_autoencoders.py"),
    message:
        "families of autoencoders"
    script:
        "../scripts/collect_autoencoders.py"
