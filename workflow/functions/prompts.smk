# Where the models behind the prompts lie.


def clip_folder():
    """Return the folder of the CLIP model: the configured one, or where fetch_clip_model puts it."""
    clip = PROMPTS["clip"]
    return clip["path"] or f"{RESOURCES}/clip/{clip['model']}--{clip['pretrained']}"


def captioner_folder():
    """Return the folder of the captioner: the configured one, or where fetch_captioner puts it."""
    captioner = PROMPTS["captioner"]
    return captioner["path"] or f"{RESOURCES}/captioner/{'--'.join(Path(captioner['repository']).parts)}"


def caption_inputs():
    """Return the input that extract_prompts takes captions from: a CSV file goes before a captioner."""
    if PROMPTS["captions"]:
        return {"captions": PROMPTS["captions"]}
    return {"captioner": captioner_folder()} if PROMPTS["captioner"] else {}


def interrogation_cost(wildcards, resources):
    """Return what changes the time that prompts take; a function of `resources` is no reason to run a job again."""
    return {"device": config["device"], "batch_size": PROMPTS["batch_size"]}
