# Weights: from the Hugging Face hub to the resources folder, everything asked for before anything is downloaded.
#
# needs  MODELS, AUTOENCODERS; network
# makes  {RESOURCES}/models/{model}/ and {RESOURCES}/autoencoders/{autoencoder}/ in diffusers' layout, and beside each a
#        JSON file with its commit and hashes, which stands for it as an input


include: "../functions/models.smk"


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
    message:
        "weights of {wildcards.autoencoder}"
    script:
        "../scripts/fetch_model.py"
