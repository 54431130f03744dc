# Autoencoders: identified by the content of their weights, and grouped into families.
#
# needs  the autoencoders' weights
# makes  {RESULTS}/autoencoders/{autoencoder}.parquet, {RESULTS}/autoencoders.parquet and .csv


include: "../functions/autoencoders.smk"


# Before hours of generation, so that weights that cannot be loaded are reported at once.
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
        key=lambda wildcards: f"models.{AUTOENCODERS[wildcards.autoencoder]}.autoencoder",
        must_reproduce=lambda wildcards: autoencoder_settings(wildcards.autoencoder)["must_reproduce"],
        code=code_digest("identify_autoencoder.py"),
    message:
        "identity of {wildcards.autoencoder}"
    script:
        "../scripts/identify_autoencoder.py"


# A checkpoint, because only its table says which autoencoders reconstruct. No job of reconstruction has the table as an
# input: otherwise an added model would reconstruct everything again.
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
