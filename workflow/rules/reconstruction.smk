# Double reconstruction of every source by every autoencoder.
#
# needs  {RESULTS}/images/{source}/{shard}.parquet, {RESULTS}/histories/{source}/{shard}.parquet, the autoencoders'
#        weights, those of LPIPS
# makes  {RESULTS}/losses/{autoencoder}/{source}/{shard}.parquet


include: "../functions/reconstruction.smk"


rule reconstruct_images:
    input:
        images=f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
        histories=f"{RESULTS}/histories/{{source}}/{{shard}}.parquet",
        weights=lambda wildcards: autoencoder_weights(wildcards.autoencoder),
        lpips_backbone=lpips_backbone(),
        measures=query_measures,
    output:
        f"{RESULTS}/losses/{{autoencoder}}/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/reconstruct_images/{{autoencoder}}/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/reconstruct_images/{{autoencoder}}/{{source}}/{{shard}}.tsv"
    conda:
        autoencoder_environment
    threads: 1
    resources:
        gpu=GPUS,
    params:
        loading=lambda wildcards: loading_settings(wildcards.autoencoder),
        settings=reconstruction_settings,
        damage=known_damage,
        cost=reconstruction_cost,
        metrics=METRICS,
        code=code_digest("reconstruct_images.py"),
    message:
        "{wildcards.source} reconstructed by {wildcards.autoencoder}, shard {wildcards.shard}"
    script:
        "../scripts/reconstruct_images.py"
