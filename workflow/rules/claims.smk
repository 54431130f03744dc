# What the files of the query claim about their origin.
#
# needs  {RESULTS}/images/query/{shard}.parquet, and the folder of the query for images that are not usable
# makes  {RESULTS}/claims/query/{shard}.parquet


rule read_claims:
    input:
        f"{RESULTS}/images/{QUERY}/{{shard}}.parquet",
    output:
        f"{RESULTS}/claims/{QUERY}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/read_claims/{{shard}}.log",
    conda:
        environment("claims")
    params:
        folder=config["query"],
        limits=image_limits,
        code=code_digest("read_claims.py"),
    message:
        "claims of the query's files, shard {wildcards.shard}"
    script:
        "../scripts/read_claims.py"
