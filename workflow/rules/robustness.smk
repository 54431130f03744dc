# Damaged images: every source after every transform, each as a source of its own.
#
# needs  {RESULTS}/images/{source}/{shard}.parquet, losses/, rivals/, homogeneity/, autoencoders.parquet, accuracy.parquet
# makes  {RESULTS}/images/{source}.{transform}/{shard}.parquet, robustness/{transform}.parquet, robustness.csv,
#        robustness_cells.csv, plots/robustness and plots/robustness_strengths (.png, .svg, .pdf)


include: "../functions/robustness.smk"


# Names of damaged sources end with a transform, so nothing else can match.
wildcard_constraints:
    transform="|".join(TRANSFORMS) or "-",


rule transform_images:
    input:
        f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
    output:
        f"{RESULTS}/images/{{source}}.{{transform}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/transform_images/{{source}}.{{transform}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/transform_images/{{source}}.{{transform}}/{{shard}}.tsv"
    wildcard_constraints:
        source="[a-z0-9-]+",
    conda:
        environment("analysis")
    params:
        steps=lambda wildcards: picture_steps(TRANSFORMS[wildcards.transform]),
        study_seed=transform_seed,
        limits=image_limits,
        code=code_digest("transform_images.py"),
    message:
        "{wildcards.source} after {wildcards.transform}, shard {wildcards.shard}"
    script:
        "../scripts/transform_images.py"


rule evaluate_robustness:
    input:
        losses=lambda wildcards: losses_to_score(damaged_sources(wildcards.transform), wildcards.transform),
        homogeneity=lambda wildcards: tables_of_all("homogeneity", damaged_sources(wildcards.transform)),
        untouched_losses=lambda wildcards: losses_to_score(undamaged_sources(wildcards.transform), wildcards.transform),
        untouched_homogeneity=lambda wildcards: tables_of_all("homogeneity", undamaged_sources(wildcards.transform)),
        autoencoders=f"{RESULTS}/autoencoders.parquet",
    output:
        f"{RESULTS}/robustness/{{transform}}.parquet",
    log:
        f"{RESULTS}/logs/evaluate_robustness/{{transform}}.log",
    conda:
        environment("analysis")
    params:
        families_of_losses=lambda wildcards: families_to_score(
            damaged_sources(wildcards.transform), wildcards.transform
        ),
        families_of_untouched=lambda wildcards: families_to_score(
            undamaged_sources(wildcards.transform), wildcards.transform
        ),
        own_sources=own_sources(),
        alphas=significance_levels(),
        inversion=config["attribution"]["threshold"],
        bandwidth=config["attribution"]["bandwidth"],
        held_out=config["attribution"]["held_out"],
        code=code_digest("evaluate_robustness.py"),
    message:
        "accuracy after {wildcards.transform}"
    script:
        "../scripts/evaluate_robustness.py"


rule collect_robustness:
    input:
        robustness=[f"{RESULTS}/robustness/{transform}.parquet" for transform in TRANSFORMS],
        accuracy=f"{RESULTS}/accuracy.parquet",
    output:
        means=report(
            f"{RESULTS}/robustness.csv",
            category="Robustness",
            caption="../report/robustness_table.rst",
            labels={"table": "means of every transform, metric and signal"},
        ),
        cells=report(
            f"{RESULTS}/robustness_cells.csv",
            category="Robustness",
            caption="../report/robustness_cells.rst",
            labels={"table": "every cell, untouched and after every transform"},
        ),
    log:
        f"{RESULTS}/logs/collect_robustness.log",
    conda:
        environment("analysis")
    params:
        real_sources=REAL_SOURCES,
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        code=code_digest("collect_robustness.py"),
    message:
        "robustness"
    script:
        "../scripts/collect_robustness.py"


rule plot_robustness:
    input:
        f"{RESULTS}/robustness.csv",
    output:
        report(
            f"{RESULTS}/plots/robustness.png",
            category="Robustness",
            caption="../report/robustness.rst",
            labels={"figure": "every transform"},
        ),
        f"{RESULTS}/plots/robustness.svg",
        f"{RESULTS}/plots/robustness.pdf",
    log:
        f"{RESULTS}/logs/plot_robustness.log",
    conda:
        environment("analysis")
    params:
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        code=code_digest("plot_robustness.py"),
    message:
        "figure of the robustness"
    script:
        "../scripts/plot_robustness.py"


rule plot_strengths:
    input:
        f"{RESULTS}/robustness.csv",
    output:
        report(
            f"{RESULTS}/plots/robustness_strengths.png",
            category="Robustness",
            caption="../report/robustness_strengths.rst",
            labels={"figure": "strength of the damage"},
        ),
        f"{RESULTS}/plots/robustness_strengths.svg",
        f"{RESULTS}/plots/robustness_strengths.pdf",
    log:
        f"{RESULTS}/logs/plot_strengths.log",
    conda:
        environment("analysis")
    params:
        transforms=TRANSFORMS,
        metric=config["attribution"]["metric"],
        signal=config["attribution"]["signal"],
        code=code_digest("plot_strengths.py"),
    message:
        "figure of the strengths"
    script:
        "../scripts/plot_strengths.py"
