# Rivals: other methods of attribution, measured on the same images.
#
# needs  {RESULTS}/images/{source}/{shard}.parquet, the autoencoders' weights; {RESULTS}/accuracy.parquet, losses/,
#        autoencoders.parquet
# makes  {RESULTS}/rivals/{rival}/{autoencoder}/{source}/{shard}.parquet; {RESULTS}/methods.parquet and .csv,
#        plots/methods (.png, .svg, .pdf)


include: "../functions/rivals.smk"


rule measure_rival:
    input:
        images=f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
        weights=lambda wildcards: autoencoder_weights(wildcards.autoencoder),
        vgg_backbone=vgg_backbone,
    output:
        f"{RESULTS}/rivals/{{rival}}/{{autoencoder}}/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/measure_rival/{{rival}}/{{autoencoder}}/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_rival/{{rival}}/{{autoencoder}}/{{source}}/{{shard}}.tsv"
    conda:
        autoencoder_environment
    threads: 1
    resources:
        gpu=GPUS,
    params:
        loading=lambda wildcards: loading_settings(wildcards.autoencoder),
        settings=rival_settings,
        reading=rival_reading,
        cost=rival_cost,
        needs_codebook=lambda wildcards: RIVALS[wildcards.rival].needs_codebook,
        code=lambda wildcards: code_digest("measure_rival.py", f"aedr/rivals/{wildcards.rival}.py"),
    message:
        "{wildcards.rival} of {wildcards.source} by {wildcards.autoencoder}, shard {wildcards.shard}"
    script:
        "../scripts/measure_rival.py"


rule compare_methods:
    input:
        accuracy=f"{RESULTS}/accuracy.parquet",
        losses=losses_of_families,
        rivals=rivals_of_families,
        # The names of the families are known once this exists.
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        parquet=f"{RESULTS}/methods.parquet",
        csv=report(
            f"{RESULTS}/methods.csv",
            category="Methods",
            caption="../report/methods_table.rst",
            labels={"table": "accuracy and cost of every method"},
        ),
    log:
        f"{RESULTS}/logs/compare_methods.log",
    conda:
        environment("analysis")
    params:
        families_of_losses=families_of_losses,
        names_of_rivals=names_of_rivals,
        real_sources=REAL_SOURCES,
        code=code_digest("compare_methods.py"),
    message:
        "methods side by side"
    script:
        "../scripts/compare_methods.py"


rule plot_methods:
    input:
        f"{RESULTS}/methods.parquet",
    output:
        report(
            f"{RESULTS}/plots/methods.png",
            category="Methods",
            caption="../report/methods.rst",
            labels={"figure": "accuracy against seconds"},
        ),
        f"{RESULTS}/plots/methods.svg",
        f"{RESULTS}/plots/methods.pdf",
    log:
        f"{RESULTS}/logs/plot_methods.log",
    conda:
        environment("analysis")
    params:
        code=code_digest("plot_methods.py"),
    message:
        "figure of the methods"
    script:
        "../scripts/plot_methods.py"
