# Prompts: read from a file, or extracted from the pictures of an image set with a captioner and a CLIP model.
#
# needs  config["prompts"]; image tables of prompts: image_set; network for fetch_clip_model and fetch_captioner alone
# makes  {RESULTS}/prompts.parquet, {RESULTS}/vocabulary.parquet, {RESOURCES}/clip/, {RESOURCES}/captioner/


include: "../functions/prompts.smk"


from aedr.prompts.vocabulary import vocabulary_files

PROMPTS = config["prompts"]


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

elif SOURCES and PROMPTS["image_set"]:

    if not PROMPTS["clip"]["path"]:

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
                model=PROMPTS["clip"]["model"],
                pretrained=PROMPTS["clip"]["pretrained"],
            message:
                "weights of CLIP"
            script:
                "../scripts/fetch_clip_model.py"

    if PROMPTS["captioner"] and not PROMPTS["captioner"]["path"] and not PROMPTS["captions"]:

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
            message:
                "weights of the captioner"
            script:
                "../scripts/fetch_captioner.py"

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
            max_pixels=config["max_pixels"],
            cost=interrogation_cost,
            code=code_digest("extract_prompts.py"),
        message:
            "prompts"
        script:
            "../scripts/extract_prompts.py"
