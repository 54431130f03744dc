# Double reconstruction of every source by every autoencoder.
#
# needs  {RESULTS}/images/{source}/{shard}.parquet, the autoencoders' weights
# makes  {RESULTS}/losses/{autoencoder}/{source}/{shard}.parquet


def lpips_backbone():
    """Return the file of AlexNet's weights, or nothing where lpips is no metric."""
    if "lpips" not in METRICS:
        return []
    backbone = config["reconstruction"]["lpips_backbone"]
    return f"{RESOURCES}/lpips/alexnet-owt-7be5be79.pth" if backbone == "torchvision" else backbone


def reconstruction_settings(wildcards):
    """Return what changes an autoencoder's losses, and nothing else."""
    autoencoder = config["models"][AUTOENCODERS[wildcards.autoencoder]]["autoencoder"]
    return {
        "study_seed": config["seed"] if config["reconstruction"]["encoding"] == "sample" else 0,
        "autoencoder": wildcards.autoencoder,
        "encoding": config["reconstruction"]["encoding"],
        "off_grid": config["reconstruction"]["off_grid"],
        "resize_to": autoencoder["resize_to"],
        "max_pixels": config["max_pixels"],
        "precision": autoencoder["precision"],
        "quantise": autoencoder["quantise"],
    }


rule fetch_lpips_backbone:
    output:
        f"{RESOURCES}/lpips/alexnet-owt-7be5be79.pth",
    log:
        f"{RESOURCES}/logs/fetch_lpips_backbone.log",
    priority: 100
    localrule: True
    conda:
        environment("diffusion")
    params:
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    script:
        "../scripts/fetch_lpips_backbone.py"


rule reconstruct_images:
    input:
        images=f"{RESULTS}/images/{{source}}/{{shard}}.parquet",
        weights=lambda wildcards: autoencoder_weights(wildcards.autoencoder),
        lpips_backbone=lpips_backbone(),
    output:
        f"{RESULTS}/losses/{{autoencoder}}/{{source}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/reconstruct_images/{{autoencoder}}/{{source}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/reconstruct_images/{{autoencoder}}/{{source}}/{{shard}}.tsv"
    conda:
        lambda wildcards: environment(config["models"][AUTOENCODERS[wildcards.autoencoder]]["environment"])
    threads: 1
    resources:
        gpu=1,
    params:
        folder=lambda wildcards: autoencoder_folder(wildcards.autoencoder),
        trusted_pickle=lambda wildcards: config["models"][AUTOENCODERS[wildcards.autoencoder]]["trusted_pickle"],
        settings=reconstruction_settings,
        metrics=METRICS,
        code=code_digest("reconstruct_images.py"),
    script:
        "../scripts/reconstruct_images.py"
