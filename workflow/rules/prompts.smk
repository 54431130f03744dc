# Prompts: read from a file, or extracted from the images of an image set with a captioner and a CLIP model.
#
# needs  config["prompts"]; image tables of prompts: image_set; the weights of CLIP and of the captioner
# makes  {RESULTS}/prompts.parquet, {RESULTS}/vocabulary.parquet


include: "../functions/prompts.smk"


from aedr.study.prompt_files import vocabulary_files

if SOURCES and PROMPTS["file"]:

    rule read_prompts:
        input:
            PROMPTS["file"],
        output:
            f"{RESULTS}/prompts.parquet",
        log:
            f"{RESULTS}/logs/read_prompts.log",
        conda:
            environment("analysis")
        params:
            code=code_digest("read_prompts.py"),
        message:
            "prompts"
        script:
            "../scripts/read_prompts.py"

elif EXTRACTS_PROMPTS:

    rule embed_vocabulary:
        input:
            phrases=vocabulary_files(PROMPTS["vocabulary"]) if PROMPTS["vocabulary"] else [],
            clip=clip_folder(),
        output:
            f"{RESULTS}/vocabulary.parquet",
        log:
            f"{RESULTS}/logs/embed_vocabulary.log",
        benchmark:
            f"{RESULTS}/benchmarks/embed_vocabulary.tsv"
        conda:
            environment("prompts")
        threads: 2
        resources:
            gpu=GPUS,
        params:
            vocabulary=lambda wildcards, input: str(Path(input.phrases[0]).parent) if input.phrases else None,
            cost=interrogation_cost,
            code=code_digest("embed_vocabulary.py"),
        message:
            "vocabulary of the prompts"
        script:
            "../scripts/embed_vocabulary.py"

    rule extract_prompts:
        input:
            **caption_inputs(),
            images=tables_of("images", PROMPTS["image_set"]),
            vocabulary=f"{RESULTS}/vocabulary.parquet",
            clip=clip_folder(),
        output:
            f"{RESULTS}/prompts.parquet",
        log:
            f"{RESULTS}/logs/extract_prompts.log",
        benchmark:
            f"{RESULTS}/benchmarks/extract_prompts.tsv"
        conda:
            environment("prompts")
        threads: 2
        resources:
            gpu=GPUS,
        params:
            cost=interrogation_cost,
            code=code_digest("extract_prompts.py"),
        message:
            "prompts"
        script:
            "../scripts/extract_prompts.py"
