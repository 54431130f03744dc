# Homogeneity of every image.
#
# needs  {RESULTS}/images/{source}/{shard}.parquet
# makes  {RESULTS}/homogeneity/{source}/{shard}.parquet


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
        max_pixels=config["max_pixels"],
        code=code_digest("measure_homogeneity.py"),
    message:
        "homogeneity of {wildcards.source}, shard {wildcards.shard}"
    script:
        "../scripts/measure_homogeneity.py"
