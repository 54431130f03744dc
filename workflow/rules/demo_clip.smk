# The demo's own CLIP model. Its files are in git; to make them again:
#   snakemake --configfile config/demo.yaml --cores 1 --force train_demo_clip
#
# needs  demo/training.yaml, demo/vocabulary/
# makes  demo/clip/

DEMO_CLIP = "demo/clip"


rule train_demo_clip:
    input:
        training="demo/training.yaml",
        vocabulary=vocabulary_files("demo/vocabulary"),
    # Files, not the folder: a study names the folder, and must find it as it is rather than train it again.
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
