# Weights: from the Hugging Face hub to the resources folder. The hub is asked about all before any download.
#
# needs  MODELS, AUTOENCODERS, PROMPTS; network, which no other rule needs
# makes  {RESOURCES}/models/{model}/ and {RESOURCES}/autoencoders/{autoencoder}/ in diffusers' layout, and beside each a
#        JSON file with its commit and hashes, which stands for it as an input; {RESOURCES}/clip/, {RESOURCES}/captioner/,
#        {RESOURCES}/lpips/{backbone}.pth


include: "../functions/weights.smk"


rule fetch_model:
    output:
        f"{RESOURCES}/models/{{model}}.json",
    log:
        f"{RESULTS}/logs/fetch_model/{{model}}.log",
    priority: 100
    localrule: True
    conda:
        environment("diffusion")
    params:
        needs=lambda wildcards: model_needs(wildcards.model),
        study=study_needs,
        device=study_device,
    message:
        "weights of {wildcards.model}"
    script:
        "../scripts/fetch_model.py"


rule fetch_autoencoder:
    output:
        f"{RESOURCES}/autoencoders/{{autoencoder}}.json",
    log:
        f"{RESULTS}/logs/fetch_autoencoder/{{autoencoder}}.log",
    priority: 100
    localrule: True
    conda:
        environment("diffusion")
    params:
        needs=lambda wildcards: autoencoder_needs(wildcards.autoencoder),
        study=study_needs,
        device=study_device,
    message:
        "weights of {wildcards.autoencoder}"
    script:
        "../scripts/fetch_model.py"


rule fetch_lpips_backbone:
    output:
        f"{RESOURCES}/lpips/{{backbone}}.pth",
    log:
        f"{RESULTS}/logs/fetch_lpips_backbone/{{backbone}}.log",
    priority: 100
    localrule: True
    conda:
        environment("diffusion")
    params:
        url=lambda wildcards: backbone_address(wildcards.backbone),
        study=study_needs,
    message:
        "weights of {wildcards.backbone}"
    script:
        "../scripts/fetch_lpips_backbone.py"


if fetches_clip_model():

    rule fetch_clip_model:
        output:
            directory(clip_folder()),
        log:
            f"{RESULTS}/logs/fetch_clip_model.log",
        priority: 100
        localrule: True
        conda:
            environment("prompts")
        params:
            source=clip_source(),
            study=study_needs,
        message:
            "weights of CLIP"
        script:
            "../scripts/fetch_clip_model.py"


if fetches_captioner():

    rule fetch_captioner:
        output:
            directory(captioner_folder()),
        log:
            f"{RESULTS}/logs/fetch_captioner.log",
        priority: 100
        localrule: True
        conda:
            environment("prompts")
        params:
            repository=PROMPTS["captioner"]["repository"],
            revision=PROMPTS["captioner"]["revision"],
            study=study_needs,
        message:
            "weights of the captioner"
        script:
            "../scripts/fetch_captioner.py"
