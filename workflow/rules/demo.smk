# The embedded study's photographs and models. Their files are in git; to make them again (hours on one core):
#   snakemake --configfile config/demo.yaml --cores 2 install_demo_models
# Those of its models that share an autoencoder: install_demo_members. `train_demo_models` alone stops before demo/ is touched. Its own CLIP model:
#   snakemake --configfile config/demo.yaml --cores 1 --force train_demo_clip
#
# needs  demo/training.yaml, demo/vocabulary/
# makes  results/demo-training/; install_demo_models copies it to demo/{models,photographs,captions.csv}; demo/clip/


include: "../functions/demo.smk"


import yaml

DEMO_TRAINING = "results/demo-training"
DEMO_CLIP = "demo/clip"

with open(workflow.source_path("../../demo/training.yaml"), encoding="utf-8") as training_file:
    DEMO = yaml.safe_load(training_file)


wildcard_constraints:
    demo_model="|".join(DEMO["models"]),
    demo_member="|".join(DEMO["members"]),


rule crop_demo_photographs:
    output:
        folder=directory(f"{DEMO_TRAINING}/photographs"),
        captions=f"{DEMO_TRAINING}/captions.csv",
    log:
        f"{DEMO_TRAINING}/logs/crop_demo_photographs.log",
    conda:
        environment("demo")
    params:
        photographs=DEMO["photographs"],
        crops=DEMO["crops"],
        code=code_digest("crop_demo_photographs.py"),
    script:
        "../scripts/crop_demo_photographs.py"


rule train_demo_autoencoder:
    output:
        autoencoder=directory(f"{DEMO_TRAINING}/autoencoders/{{demo_model}}"),
        figures=f"{DEMO_TRAINING}/figures/{{demo_model}}.autoencoder.json",
    log:
        f"{DEMO_TRAINING}/logs/train_demo_autoencoder/{{demo_model}}.log",
    benchmark:
        f"{DEMO_TRAINING}/benchmarks/train_demo_autoencoder/{{demo_model}}.tsv"
    conda:
        environment("demo")
    threads: 1
    params:
        settings=demo_autoencoder_settings,
        code=code_digest("train_demo_autoencoder.py"),
    script:
        "../scripts/train_demo_autoencoder.py"


rule train_demo_diffusion:
    input:
        autoencoder=rules.train_demo_autoencoder.output.autoencoder,
        vocabulary=vocabulary_files("demo/vocabulary"),
    output:
        pipeline=directory(f"{DEMO_TRAINING}/models/{{demo_model}}"),
        figures=f"{DEMO_TRAINING}/figures/{{demo_model}}.diffusion.json",
    log:
        f"{DEMO_TRAINING}/logs/train_demo_diffusion/{{demo_model}}.log",
    benchmark:
        f"{DEMO_TRAINING}/benchmarks/train_demo_diffusion/{{demo_model}}.tsv"
    conda:
        environment("demo")
    threads: 1
    params:
        settings=demo_diffusion_settings,
        code=code_digest("train_demo_diffusion.py"),
    script:
        "../scripts/train_demo_diffusion.py"


rule train_demo_member:
    input:
        base=lambda wildcards: f"demo/models/{DEMO['members'][wildcards.demo_member]['base']}",
        vocabulary=vocabulary_files("demo/vocabulary"),
    output:
        pipeline=directory(f"{DEMO_TRAINING}/members/{{demo_member}}"),
        figures=f"{DEMO_TRAINING}/figures/{{demo_member}}.json",
    log:
        f"{DEMO_TRAINING}/logs/train_demo_member/{{demo_member}}.log",
    benchmark:
        f"{DEMO_TRAINING}/benchmarks/train_demo_member/{{demo_member}}.tsv"
    conda:
        environment("demo")
    threads: 1
    params:
        settings=demo_member_settings,
        code=code_digest("train_demo_member.py"),
    script:
        "../scripts/train_demo_member.py"


rule train_demo_models:
    input:
        [f"{DEMO_TRAINING}/models/{model}" for model in DEMO["models"]],


# Its only declared output is a marker beside the training results. What the study reads from demo/ is not the output of
# a rule, so a run of the study never trains.
rule install_demo_models:
    input:
        pipelines=rules.train_demo_models.input,
        photographs=rules.crop_demo_photographs.output.folder,
        captions=rules.crop_demo_photographs.output.captions,
    output:
        touch(f"{DEMO_TRAINING}/installed"),
    log:
        f"{DEMO_TRAINING}/logs/install_demo_models.log",
    conda:
        environment("demo")
    params:
        folder="demo",
        code=code_digest("install_demo_models.py"),
    script:
        "../scripts/install_demo_models.py"


rule install_demo_members:
    input:
        [f"{DEMO_TRAINING}/members/{member}" for member in DEMO["members"]],
    output:
        touch(f"{DEMO_TRAINING}/members_installed"),
    log:
        f"{DEMO_TRAINING}/logs/install_demo_members.log",
    conda:
        environment("demo")
    params:
        folder="demo",
        code=code_digest("install_demo_members.py"),
    script:
        "../scripts/install_demo_members.py"


rule train_demo_clip:
    input:
        training="demo/training.yaml",
        vocabulary=vocabulary_files("demo/vocabulary"),
    # Files, not the folder: a study names the folder as its input, which must not train the model again.
    output:
        f"{DEMO_CLIP}/open_clip_config.json",
        f"{DEMO_CLIP}/open_clip_model.safetensors",
        f"{DEMO_CLIP}/tokenizer.json",
        f"{DEMO_CLIP}/tokenizer_config.json",
    log:
        f"{RESULTS}/logs/train_demo_clip.log",
    conda:
        environment("demo")
    params:
        vocabulary=lambda wildcards, input: str(Path(input.vocabulary[0]).parent),
        folder=lambda wildcards, output: str(Path(output[0]).parent),
        settings={
            "seed": 7,
            "pictures": 8000,
            "native_share": 0.6,
            "steps": 1700,
            "batch_size": 48,
            "learning_rate": 0.002,
            "weight_decay": 0.1,
            "vocabulary_size": 640,
            "embed_dim": 48,
            "vision": {"layers": 3, "width": 96, "head_width": 24, "patch_size": 8},
            "text": {"context_length": 77, "width": 48, "heads": 2, "layers": 1},
        },
        code=code_digest("train_demo_clip.py"),
    script:
        "../scripts/train_demo_clip.py"
